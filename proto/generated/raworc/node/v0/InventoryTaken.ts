// Original file: node.proto


export interface InventoryTaken {
  'part'?: (number);
}

export interface InventoryTaken__Output {
  'part': (number);
}
