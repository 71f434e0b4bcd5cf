// Package mysqlstore is the shared engine of both databases, on MySQL or MariaDB: room_b (Rooms), which any number
// of processes write at once, and room_c (Views), which one projector writes and all viewer nodes of its zone follow.
//
// What Write returned is committed, and durable as far as the server flushes its log at each commit
// (innodb_flush_log_at_trx_commit=1, the default). Transactions are short: a command locks the rows it decides on, and
// nothing waits for a person or for the network while it holds them. Faults that pass by themselves (deadlock, lock
// wait, lost connection, failover) are retried inside the caller's deadline; what is left of them is STORE_UNAVAILABLE
// and has changed nothing. A commit whose answer was lost is found out before anything is tried again. The writer of
// room_c retries nothing: the couriers bring again what it did not take, and to write it twice changes nothing.
//
// There is one primary: after a failover the connections go to the new one by the address in the DSN. The
// servers' clocks decide about leases, nothing else. The package holds no rules: what may be written was decided before.
// Everything here is safe for concurrent use; nothing runs on its own.
package mysqlstore
