// Original file: node.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ChallengeRequest as _raworc_node_v0_ChallengeRequest, ChallengeRequest__Output as _raworc_node_v0_ChallengeRequest__Output } from '../../../raworc/node/v0/ChallengeRequest.ts';
import type { ChallengeResponse as _raworc_node_v0_ChallengeResponse, ChallengeResponse__Output as _raworc_node_v0_ChallengeResponse__Output } from '../../../raworc/node/v0/ChallengeResponse.ts';
import type { ControllerFrame as _raworc_node_v0_ControllerFrame, ControllerFrame__Output as _raworc_node_v0_ControllerFrame__Output } from '../../../raworc/node/v0/ControllerFrame.ts';
import type { FetchSourceRequest as _raworc_node_v0_FetchSourceRequest, FetchSourceRequest__Output as _raworc_node_v0_FetchSourceRequest__Output } from '../../../raworc/node/v0/FetchSourceRequest.ts';
import type { JoinRequest as _raworc_node_v0_JoinRequest, JoinRequest__Output as _raworc_node_v0_JoinRequest__Output } from '../../../raworc/node/v0/JoinRequest.ts';
import type { JoinResponse as _raworc_node_v0_JoinResponse, JoinResponse__Output as _raworc_node_v0_JoinResponse__Output } from '../../../raworc/node/v0/JoinResponse.ts';
import type { NodeFrame as _raworc_node_v0_NodeFrame, NodeFrame__Output as _raworc_node_v0_NodeFrame__Output } from '../../../raworc/node/v0/NodeFrame.ts';
import type { PutSourceRequest as _raworc_node_v0_PutSourceRequest, PutSourceRequest__Output as _raworc_node_v0_PutSourceRequest__Output } from '../../../raworc/node/v0/PutSourceRequest.ts';
import type { PutSourceResponse as _raworc_node_v0_PutSourceResponse, PutSourceResponse__Output as _raworc_node_v0_PutSourceResponse__Output } from '../../../raworc/node/v0/PutSourceResponse.ts';
import type { RegistryBytes as _raworc_node_v0_RegistryBytes, RegistryBytes__Output as _raworc_node_v0_RegistryBytes__Output } from '../../../raworc/node/v0/RegistryBytes.ts';
import type { RenewRequest as _raworc_node_v0_RenewRequest, RenewRequest__Output as _raworc_node_v0_RenewRequest__Output } from '../../../raworc/node/v0/RenewRequest.ts';
import type { RenewResponse as _raworc_node_v0_RenewResponse, RenewResponse__Output as _raworc_node_v0_RenewResponse__Output } from '../../../raworc/node/v0/RenewResponse.ts';
import type { SourceChunk as _raworc_node_v0_SourceChunk, SourceChunk__Output as _raworc_node_v0_SourceChunk__Output } from '../../../raworc/node/v0/SourceChunk.ts';
import type { StreamFrame as _raworc_v0_StreamFrame, StreamFrame__Output as _raworc_v0_StreamFrame__Output } from '../../../raworc/v0/StreamFrame.ts';

export interface NodeProtocolClient extends grpc.Client {
  /**
   * One byte stream of a session, on a connection apart from the control stream. The first frame
   * has the ticket of an OpenStream.
   */
  ByteStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_v0_StreamFrame, _raworc_v0_StreamFrame__Output>;
  ByteStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_v0_StreamFrame, _raworc_v0_StreamFrame__Output>;
  /**
   * One byte stream of a session, on a connection apart from the control stream. The first frame
   * has the ticket of an OpenStream.
   */
  byteStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_v0_StreamFrame, _raworc_v0_StreamFrame__Output>;
  byteStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_v0_StreamFrame, _raworc_v0_StreamFrame__Output>;
  
  Challenge(argument: _raworc_node_v0_ChallengeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  Challenge(argument: _raworc_node_v0_ChallengeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  Challenge(argument: _raworc_node_v0_ChallengeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  Challenge(argument: _raworc_node_v0_ChallengeRequest, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  challenge(argument: _raworc_node_v0_ChallengeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  challenge(argument: _raworc_node_v0_ChallengeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  challenge(argument: _raworc_node_v0_ChallengeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  challenge(argument: _raworc_node_v0_ChallengeRequest, callback: grpc.requestCallback<_raworc_node_v0_ChallengeResponse__Output>): grpc.ClientUnaryCall;
  
  Connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_NodeFrame, _raworc_node_v0_ControllerFrame__Output>;
  Connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_NodeFrame, _raworc_node_v0_ControllerFrame__Output>;
  connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_NodeFrame, _raworc_node_v0_ControllerFrame__Output>;
  connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_NodeFrame, _raworc_node_v0_ControllerFrame__Output>;
  
  /**
   * Streams the packed source of an agent that this node builds, in chunks of at most 256 KiB.
   */
  FetchSource(argument: _raworc_node_v0_FetchSourceRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_raworc_node_v0_SourceChunk__Output>;
  FetchSource(argument: _raworc_node_v0_FetchSourceRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_raworc_node_v0_SourceChunk__Output>;
  /**
   * Streams the packed source of an agent that this node builds, in chunks of at most 256 KiB.
   */
  fetchSource(argument: _raworc_node_v0_FetchSourceRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_raworc_node_v0_SourceChunk__Output>;
  fetchSource(argument: _raworc_node_v0_FetchSourceRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_raworc_node_v0_SourceChunk__Output>;
  
  /**
   * Exchanges a join token for a certificate, without a client certificate. A token works once.
   */
  Join(argument: _raworc_node_v0_JoinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  Join(argument: _raworc_node_v0_JoinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  Join(argument: _raworc_node_v0_JoinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  Join(argument: _raworc_node_v0_JoinRequest, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Exchanges a join token for a certificate, without a client certificate. A token works once.
   */
  join(argument: _raworc_node_v0_JoinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  join(argument: _raworc_node_v0_JoinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  join(argument: _raworc_node_v0_JoinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  join(argument: _raworc_node_v0_JoinRequest, callback: grpc.requestCallback<_raworc_node_v0_JoinResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Takes the source of an agent that the node fetched from its repository for a build. The first
   * message has the header. No data: the source is the one that the controller has of that commit.
   */
  PutSource(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  PutSource(metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  PutSource(options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  PutSource(callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  /**
   * Takes the source of an agent that the node fetched from its repository for a build. The first
   * message has the header. No data: the source is the one that the controller has of that commit.
   */
  putSource(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  putSource(metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  putSource(options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  putSource(callback: grpc.requestCallback<_raworc_node_v0_PutSourceResponse__Output>): grpc.ClientWritableStream<_raworc_node_v0_PutSourceRequest>;
  
  /**
   * One HTTP/1.1 connection from the node's engine to the registry of images, byte for byte.
   */
  Registry(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_RegistryBytes, _raworc_node_v0_RegistryBytes__Output>;
  Registry(options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_RegistryBytes, _raworc_node_v0_RegistryBytes__Output>;
  /**
   * One HTTP/1.1 connection from the node's engine to the registry of images, byte for byte.
   */
  registry(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_RegistryBytes, _raworc_node_v0_RegistryBytes__Output>;
  registry(options?: grpc.CallOptions): grpc.ClientDuplexStream<_raworc_node_v0_RegistryBytes, _raworc_node_v0_RegistryBytes__Output>;
  
  /**
   * Renews a certificate over the same key. A valid client certificate proves the caller. An
   * expired one is renewed on the join port: the request then has the certificate and a challenge,
   * signed by its key.
   */
  Renew(argument: _raworc_node_v0_RenewRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  Renew(argument: _raworc_node_v0_RenewRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  Renew(argument: _raworc_node_v0_RenewRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  Renew(argument: _raworc_node_v0_RenewRequest, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Renews a certificate over the same key. A valid client certificate proves the caller. An
   * expired one is renewed on the join port: the request then has the certificate and a challenge,
   * signed by its key.
   */
  renew(argument: _raworc_node_v0_RenewRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  renew(argument: _raworc_node_v0_RenewRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  renew(argument: _raworc_node_v0_RenewRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  renew(argument: _raworc_node_v0_RenewRequest, callback: grpc.requestCallback<_raworc_node_v0_RenewResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface NodeProtocolHandlers extends grpc.UntypedServiceImplementation {
  /**
   * One byte stream of a session, on a connection apart from the control stream. The first frame
   * has the ticket of an OpenStream.
   */
  ByteStream: grpc.handleBidiStreamingCall<_raworc_v0_StreamFrame__Output, _raworc_v0_StreamFrame>;
  
  Challenge: grpc.handleUnaryCall<_raworc_node_v0_ChallengeRequest__Output, _raworc_node_v0_ChallengeResponse>;
  
  Connect: grpc.handleBidiStreamingCall<_raworc_node_v0_NodeFrame__Output, _raworc_node_v0_ControllerFrame>;
  
  /**
   * Streams the packed source of an agent that this node builds, in chunks of at most 256 KiB.
   */
  FetchSource: grpc.handleServerStreamingCall<_raworc_node_v0_FetchSourceRequest__Output, _raworc_node_v0_SourceChunk>;
  
  /**
   * Exchanges a join token for a certificate, without a client certificate. A token works once.
   */
  Join: grpc.handleUnaryCall<_raworc_node_v0_JoinRequest__Output, _raworc_node_v0_JoinResponse>;
  
  /**
   * Takes the source of an agent that the node fetched from its repository for a build. The first
   * message has the header. No data: the source is the one that the controller has of that commit.
   */
  PutSource: grpc.handleClientStreamingCall<_raworc_node_v0_PutSourceRequest__Output, _raworc_node_v0_PutSourceResponse>;
  
  /**
   * One HTTP/1.1 connection from the node's engine to the registry of images, byte for byte.
   */
  Registry: grpc.handleBidiStreamingCall<_raworc_node_v0_RegistryBytes__Output, _raworc_node_v0_RegistryBytes>;
  
  /**
   * Renews a certificate over the same key. A valid client certificate proves the caller. An
   * expired one is renewed on the join port: the request then has the certificate and a challenge,
   * signed by its key.
   */
  Renew: grpc.handleUnaryCall<_raworc_node_v0_RenewRequest__Output, _raworc_node_v0_RenewResponse>;
  
}

export interface NodeProtocolDefinition extends grpc.ServiceDefinition {
  ByteStream: MethodDefinition<_raworc_v0_StreamFrame, _raworc_v0_StreamFrame, _raworc_v0_StreamFrame__Output, _raworc_v0_StreamFrame__Output>
  Challenge: MethodDefinition<_raworc_node_v0_ChallengeRequest, _raworc_node_v0_ChallengeResponse, _raworc_node_v0_ChallengeRequest__Output, _raworc_node_v0_ChallengeResponse__Output>
  Connect: MethodDefinition<_raworc_node_v0_NodeFrame, _raworc_node_v0_ControllerFrame, _raworc_node_v0_NodeFrame__Output, _raworc_node_v0_ControllerFrame__Output>
  FetchSource: MethodDefinition<_raworc_node_v0_FetchSourceRequest, _raworc_node_v0_SourceChunk, _raworc_node_v0_FetchSourceRequest__Output, _raworc_node_v0_SourceChunk__Output>
  Join: MethodDefinition<_raworc_node_v0_JoinRequest, _raworc_node_v0_JoinResponse, _raworc_node_v0_JoinRequest__Output, _raworc_node_v0_JoinResponse__Output>
  PutSource: MethodDefinition<_raworc_node_v0_PutSourceRequest, _raworc_node_v0_PutSourceResponse, _raworc_node_v0_PutSourceRequest__Output, _raworc_node_v0_PutSourceResponse__Output>
  Registry: MethodDefinition<_raworc_node_v0_RegistryBytes, _raworc_node_v0_RegistryBytes, _raworc_node_v0_RegistryBytes__Output, _raworc_node_v0_RegistryBytes__Output>
  Renew: MethodDefinition<_raworc_node_v0_RenewRequest, _raworc_node_v0_RenewResponse, _raworc_node_v0_RenewRequest__Output, _raworc_node_v0_RenewResponse__Output>
}
