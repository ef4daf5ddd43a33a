/** Known points of the product's work, at which a fault can be made to strike. */
export const PHASES = [
  'commit.before',
  'commit.after',
  'message.committed',
  'answer.received',
  'engine.createVolume.before',
  'engine.createVolume.after',
  'engine.createContainer.before',
  'engine.createContainer.after',
  'engine.start.before',
  'engine.start.after',
  'engine.pause.before',
  'engine.pause.after',
  'engine.unpause.before',
  'engine.unpause.after',
  'engine.removeContainer.before',
  'engine.removeContainer.after',
  'engine.removeVolume.before',
  'engine.removeVolume.after',
  'engine.buildImage.before',
  'engine.buildImage.after',
  'node.inventory-sent',
  'guest.taken',
  'guest.run-started',
  'guest.running',
  'guest.before-answer',
  'guest.answered',
] as const;
export type Phase = (typeof PHASES)[number];

const known: ReadonlySet<string> = new Set(PHASES);
export const isPhase = (name: string): name is Phase => known.has(name);
