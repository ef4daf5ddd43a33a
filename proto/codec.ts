import { fromJSON, type MessageTypeDefinition, type Options, type PackageDefinition } from '@grpc/proto-loader';
import type { ControllerFrame, GuestFrame, HostFrame, NodeFrame } from './frame.ts';
import { checkWeight } from './frame-weight.ts';
import descriptor from './generated/descriptor.json' with { type: 'json' };
import { ProtocolError } from './protocol-error.ts';

/**
 * Must equal the options of scripts/generate-proto.ts, so that the generated types match the
 * values.
 */
const options: Options = { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: true };

export const packageDefinition: PackageDefinition = fromJSON(descriptor as Parameters<typeof fromJSON>[0], options);

export { ProtocolError };

export interface Codec<Frame> {
  encode(frame: Frame): Buffer;
  /** The same bytes in pieces, for a transport that can write them without joining them. */
  pieces?(frame: Frame): readonly Buffer[];
  /**
   * Decodes one frame. Throws {@link ProtocolError} for malformed bytes and for an unknown kind of
   * frame.
   */
  decode(bytes: Uint8Array): Frame;
}

function isMessageType(definition: PackageDefinition[string] | undefined): definition is MessageTypeDefinition<object, object> {
  return definition !== undefined && 'serialize' in definition && 'deserialize' in definition;
}

function codecOf<Frame extends { readonly kind: string; readonly value: object }>(name: string, trusted = true): Codec<Frame> {
  const type = packageDefinition[name];
  if (!isMessageType(type)) throw new Error(`the descriptor lacks ${name}`);
  return {
    encode: (frame) => type.serialize({ [frame.kind]: frame.value }),
    decode(bytes) {
      if (!trusted) checkWeight(bytes, name);
      let message: Record<string, unknown>;
      try {
        message = type.deserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as Record<string, unknown>;
      } catch (error) {
        throw new ProtocolError(`not a ${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
      const kind = message.body;
      if (typeof kind !== 'string') throw new ProtocolError(`a ${name} of an unknown kind`);
      return { kind, value: message[kind] } as Frame;
    },
  };
}

export const nodeFrames: Codec<NodeFrame> = codecOf('raworc.node.v0.NodeFrame', false);
export const controllerFrames: Codec<ControllerFrame> = codecOf('raworc.node.v0.ControllerFrame');
export const guestFrames: Codec<GuestFrame> = codecOf('raworc.guest.v0.GuestFrame', false);
export const hostFrames: Codec<HostFrame> = codecOf('raworc.guest.v0.HostFrame');
