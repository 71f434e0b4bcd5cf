package sqlitestore

import "context"

// Pragma runs text on the writing connection, beside the commits.
func (s *Rooms) Pragma(text string) error {
	return s.group.do(context.Background(), func(c *conn) error {
		_, err := c.c.ExecContext(context.Background(), text)
		return err
	})
}

// Pragma runs text on the writing connection.
func (v *Views) Pragma(text string) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	_, err := v.write.c.ExecContext(context.Background(), text)
	return err
}
