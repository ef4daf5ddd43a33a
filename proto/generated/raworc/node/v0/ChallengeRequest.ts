// Original file: node.proto


export interface ChallengeRequest {
}

export interface ChallengeRequest__Output {
}
