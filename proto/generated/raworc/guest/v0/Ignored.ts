// Original file: guest.proto


export interface Ignored {
}

export interface Ignored__Output {
}
