/** Tells a program which fault to plant in it. */
export const PLANT_VARIABLE = 'RAWORC_PLANT';
/** Exit code if the fault could not be planted. */
export const UNPLANTED = 70;

const register = new URL('./register.ts', import.meta.url).href;

/** Returns the arguments with which Node.js loads a program with that fault. */
export const PLANTING: readonly string[] = [`--import=${register}`];

export const plantIn = (name: string): Readonly<Record<string, string | undefined>> => ({ ...process.env, [PLANT_VARIABLE]: name });
