// Original file: node.proto


export interface ShutdownDone {
}

export interface ShutdownDone__Output {
}
