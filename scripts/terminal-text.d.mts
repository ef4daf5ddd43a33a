export declare const visible: (text: string) => string;
export declare const visibleButColours: (text: string) => string;
