/** The name of the stock image of workstations. */
export const STOCK_WORKSTATION = 'raworc/workstation';

/** Grows with each change of how node agents make images of workstations. */
export const WORKSTATION_RECIPE = 3;
