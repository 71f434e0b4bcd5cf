// Package follow keeps a viewer node at the state of its zone's room_c.
package follow
