package audience

// Turn ends a second at once.
func (e *Engine) Turn() { e.turn() }
