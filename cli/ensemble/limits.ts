/** Numbers that flags and plans must both keep to. */

/** Quorum ports lie this far above client ports, and election ports as far above those. */
export const portStride = 100;

/** The most servers that vote, and the most that do not: together they fit between two strides. */
export const votersMax = 50;
export const observersMax = 50;

/** The greatest base port that leaves room for all ports. */
export const basePortMax = 65_535 - 3 * portStride + 1;
