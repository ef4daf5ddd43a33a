import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { AccountId, SessionId } from '../../domain/engine/ids.ts';
import type { Proof } from '../access/proof.ts';

/** A ticket's address is opened within this time. */
export const TICKET_MS = 30_000;
/** Unused tickets of one account, and of all. Past either, the oldest is dropped. */
export const MAX_PREVIEW_TICKETS = { ofAccount: 500, inAll: 10_000 } as const;
const TICKET_BYTES = 32;
const MAX_PASS_CHARACTERS = 1024;

/** Admits one viewer to one port, as long as the credential is valid that it was made with. */
export interface Pass {
  readonly session: SessionId;
  readonly port: number;
  readonly proof: Proof;
  /** Unix milliseconds. */
  readonly endsAtMs: number;
}

interface Ticket extends Pass {
  readonly usableUntilMs: number;
}

/**
 * What admits viewers to ports. A ticket is in an address: random, valid once and for 30 seconds,
 * kept in memory. It is exchanged for a pass, which a cookie or header carries: signed, for one port
 * of one session, and without a secret. Neither is valid on any other path of the API.
 */
export class PreviewPasses {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #key: Buffer;
  /** The oldest first. */
  readonly #tickets = new Map<string, Ticket>();
  /** Of each account with unused tickets, the oldest first. */
  readonly #ofAccount = new Map<AccountId, Set<string>>();

  constructor({ clock, random, storeKey }: { readonly clock: Clock; readonly random: Random; readonly storeKey: Uint8Array }) {
    this.#clock = clock;
    this.#random = random;
    this.#key = createHmac('sha256', storeKey).update('raworc preview passes').digest();
  }

  issueTicket(pass: Pass): string {
    this.#dropEnded();
    const own = this.#ofAccount.get(pass.proof.accountId) ?? new Set<string>();
    const [oldest] = own;
    if (oldest !== undefined && own.size >= MAX_PREVIEW_TICKETS.ofAccount) this.#drop(oldest);
    const ticket = Buffer.from(this.#random.bytes(TICKET_BYTES)).toString('base64url');
    this.#tickets.set(ticket, { ...pass, usableUntilMs: this.#clock.monotonic() + TICKET_MS });
    this.#ofAccount.set(pass.proof.accountId, own.add(ticket));
    return ticket;
  }

  /** Returns the pass of a ticket, and ends the ticket. Another port's ticket stays valid for that. */
  redeem(ticket: string, session: SessionId, port: number): Pass | undefined {
    this.#dropEnded();
    const found = this.#tickets.get(ticket);
    if (found === undefined || found.session !== session || found.port !== port) return undefined;
    this.#drop(ticket);
    const { usableUntilMs: _, ...pass } = found;
    return pass;
  }

  sign({ session, port, proof, endsAtMs }: Pass): string {
    const by = proof.kind === 'token' ? ['t', proof.tokenId, proof.version] : ['k', proof.keyId];
    // Infinite for keys without an end.
    const until = Number.isFinite(proof.expiresAtMs) ? proof.expiresAtMs : null;
    const text = Buffer.from(JSON.stringify([1, session, port, endsAtMs, proof.accountId, until, ...by])).toString('base64url');
    return `${text}.${this.#signature(text).toString('base64url')}`;
  }

  /** Returns the pass if it is genuine, for this port, and not over. Its proof can be revoked. */
  verify(sent: string, session: SessionId, port: number): Pass | undefined {
    const [text = '', signature = ''] = sent.length > MAX_PASS_CHARACTERS ? [] : sent.split('.');
    const given = Buffer.from(signature, 'base64url');
    const right = this.#signature(text);
    if (given.byteLength !== right.byteLength || !timingSafeEqual(given, right)) return undefined;
    // Only what was signed here is parsed.
    const [, forSession, forPort, endsAtMs, accountId, until, kind, id, version] = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (forSession !== session || forPort !== port || !(this.#clock.now() < endsAtMs)) return undefined;
    const shared = { accountId: accountId as AccountId, expiresAtMs: until ?? Number.POSITIVE_INFINITY };
    const proof: Proof = kind === 't' ? { kind: 'token', tokenId: id, version, ...shared } : { kind: 'api-key', keyId: id, ...shared };
    return this.#clock.now() < shared.expiresAtMs ? { session, port, proof, endsAtMs } : undefined;
  }

  #signature(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }

  #dropEnded(): void {
    const now = this.#clock.monotonic();
    for (const [ticket, { usableUntilMs }] of this.#tickets) {
      if (usableUntilMs > now && this.#tickets.size < MAX_PREVIEW_TICKETS.inAll) return;
      this.#drop(ticket);
    }
  }

  #drop(ticket: string): void {
    const accountId = this.#tickets.get(ticket)?.proof.accountId;
    this.#tickets.delete(ticket);
    if (accountId === undefined) return;
    const own = this.#ofAccount.get(accountId);
    own?.delete(ticket);
    if (own?.size === 0) this.#ofAccount.delete(accountId);
  }
}
