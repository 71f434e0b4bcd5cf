package relay

// LookEvery lets tests wait for exactly one look.
const LookEvery = lookEvery
