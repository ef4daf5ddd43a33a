// Original file: delivery.proto


export interface StreamEnd {
}

export interface StreamEnd__Output {
}
