package audience

// Turn ends a second at once.
func (e *Engine) Turn() { e.turn() }

// Words is how many rooms a listener keeps in mind.
func (l *Listener) Words() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.words
}
