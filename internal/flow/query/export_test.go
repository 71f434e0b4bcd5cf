package query

// MaxMoves is maxMoves.
const MaxMoves = maxMoves
