/** Every bound of the program: its value, its unit, and who is slowed or refused when it is reached. */
export const limits = {
  /** Bytes of one client frame (`jute.maxbuffer`); a larger one closes the connection (BinaryInputArchive). */
  frameBytesMax: 0xfffff,
  /** Extra bytes allowed for one string or buffer inside a record (`jute.maxbuffer.extrasize`). */
  fieldBytesExtra: 0xfffff,
  /** Elements of one decoded vector: more than a frame could hold is refused before memory is taken. */
  vectorCountMax: 0x200000,
  /** Bytes waiting for a slow client before its requests are no longer read. */
  outboundBytesPause: 4 * 1024 * 1024,
  /** Bytes of buffers for replies that nobody needs now; beyond that they are made anew when they are needed. */
  outBuffersFreeBytesMax: 16 * 1024 * 1024,
  /** Bytes waiting for a slow client before it is closed; one maximal reply must always fit. */
  outboundBytesMax: 64 * 1024 * 1024,
  /** Requests of one connection that wait for an earlier write; then the connection is no longer read. */
  connectionRequestsWaitingMax: 4096,
  /**
   * So many times `globalOutstandingLimit` may come in within one turn, before anything of it can have been answered;
   * then connections are no longer read.
   */
  turnRequestsFactor: 16,
  /** Proposed and not yet committed txns (`globalOutstandingLimit` slows clients earlier). */
  proposalsOutstandingMax: 100_000,
  /** Bytes waiting for a learner, or a leader, that does not take what it is sent; then the connection is dropped. */
  learnerOutboundBytesMax: 256 * 1024 * 1024,
  /** Bytes of one packet from a learner that is not up to date: what it may say then is short; more ends its connection. */
  learnerGreetingBytesMax: 4096,
  /** Bytes of txns that a learner is sent to catch up; one that lacks more gets the tree, which is never held as a whole. */
  learnerDiffBytesMax: 64 * 1024 * 1024,
  /** Bytes waiting for all learners that belong to no membership in force; then the one with the most is dropped. */
  unlistedOutboundBytesMax: 64 * 1024 * 1024,
  /**
   * Bytes of what those have asked for and is not decided, with 512 for each request; who asks for more is no longer read
   * before half of it is.
   */
  unlistedRequestBytesMax: 4 * 1024 * 1024,
  /** Questions after sessions that a leader answers when a quorum has said that it follows still; who asks more is hung up on. */
  sessionsInDoubtMax: 65_536,
  /** Learners that have not said who they are; the oldest of more is hung up on, for a sound one says so at once. */
  learnerGreetingsMax: 256,
  /** Learners that belong to no membership in force; further ones are hung up on. */
  unlistedLearnersMax: 256,
  /** Learners without a vote that are brought up to date at once (`leader.maxConcurrentSnapSyncs`); others wait. */
  learnerSyncsMax: 10,
  /** As many of them at most belong to no membership in force. */
  unlistedSyncsMax: 2,
  /** Bytes and number of the ids that one client may prove; further ones are refused, and packets between servers with more. */
  authIdBytesMax: 0xfffff,
  authIdsMax: 4096,
  /** Bytes of committed txns kept in memory for learners that lag; those that lag more are served from the disk. */
  committedLogBytesMax: 32 * 1024 * 1024,
  /** Bytes of one notification between servers; a larger one closes the connection (QuorumCnxManager). */
  electionMessageBytesMax: 512 * 1024,
  /** Bytes of one notification of a server that is in no configuration, as one about to join; as above. */
  electionStrangerBytesMax: 64 * 1024,
  /** Servers that the election port knows; of those that are in no configuration others are hung up on. */
  electionPeersMax: 1024,
  /** Connections on the election port that have not said yet who they are; the oldest of more is hung up on. */
  electionGreetingsMax: 256,
  /** Learners that connected before their server knew that it leads; see {@linkcode QuorumPort} for who gives way. */
  earlyLearnersMax: 64,
  /** Bytes of requests that a client keeps for a connection or a slow network; further requests are refused. */
  clientWaitingBytesMax: 64 * 1024 * 1024,
  /** Requests of a client without an answer; further ones are refused. */
  clientRequestsMax: 100_000,
  /** Bytes of one reply that a client accepts; a larger one closes the connection. */
  clientReplyBytesMax: 64 * 1024 * 1024,
  /** Events that a watch stream holds for its reader; then the stream ends with an error. */
  watchStreamEventsMax: 65_536,
} as const;
