/** How a program is told which fault is planted in it. */
export const PLANT_VARIABLE = 'RAWORC_PLANT';
/** The exit code of a program in which the fault could not be planted. */
export const UNPLANTED = 70;

const register = new URL('./register.ts', import.meta.url).href;

/** The words before a program's own with which Node.js loads it with the fault of that name. */
export const PLANTING: readonly string[] = [`--import=${register}`];

export const plantIn = (name: string): Readonly<Record<string, string | undefined>> => ({ ...process.env, [PLANT_VARIABLE]: name });
