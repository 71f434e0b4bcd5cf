// Package audit is what is kept of every write on the B side: who changed what, when, why and from where, in a chain
// that shows damage.
//
// An Entry is one command that changed something. It is encoded once, when it is committed, as one line of NDJSON:
//
//	{"seq":"17","hash":"<64 hex digits>","entry":{…}}
//
// hash is SHA-256 over the 32 bytes of the hash before (zeros before the first) and the bytes of entry as they stand
// there. So a line that was changed, removed, inserted or moved is found by whoever reads the lines in order, with
// nothing but SHA-256; a tail that was cut off by whoever has noted an anchor, "17:<hash>", before.
//
// Stores keep the lines in pages, each a piece of the file that an export makes. Nothing that an entry holds can end a
// line or turn around the text after it: what cannot be shown is written out. Secret columns are never in an entry.
//
// The package is pure and never deletes.
package audit
