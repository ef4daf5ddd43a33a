export declare const dim: (text: string) => string;
export declare const bold: (text: string) => string;
export declare const red: (text: string) => string;
export declare const green: (text: string) => string;
export declare const yellow: (text: string) => string;
export declare const cyan: (text: string) => string;
export declare function duration(ms: number): string;
export declare function step<T>(
  title: string,
  run: (progress: (text: string) => void, note: (text: string) => void) => T | Promise<T>,
): Promise<T>;
export declare function complain(what: string, remedy: string): void;
/** Writes to standard output: on a terminal, what others wrote is spelled out where a terminal would act on it. */
export declare const print: (text: string) => boolean;
