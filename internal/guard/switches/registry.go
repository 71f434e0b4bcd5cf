package switches

// Switch is an entry of the registry.
type Switch struct {
	// Name is the wing's word and what is switched: courier.queue.
	Name string
	// Default is how it stands when nobody has ever turned it.
	Default bool
	// Meaning says in one sentence what is on when it is on, and what turning it off costs.
	Meaning string

	at int // its place in a Snapshot
}

// The registry. A name is never used again for another meaning.
var (
	CourierQueue  = add("courier.queue", true, "The relay feeds the queue. Off: the log keeps the events, the direct calls bring what they can and the views read the rest from the log; on again, the queue goes on where it stood.")
	CourierDirect = add("courier.direct", true, "Each zone is called directly after a commit. Off: the queue alone brings events, some milliseconds later.")
)

var registry []*Switch

func add(name string, standard bool, meaning string) *Switch {
	s := &Switch{Name: name, Default: standard, Meaning: meaning, at: len(registry)}
	registry = append(registry, s)
	return s
}

// Registry lists every switch.
func Registry() []*Switch { return registry }

// find returns nil for a name that is not in the registry.
func find(name string) *Switch {
	for _, s := range registry {
		if s.Name == name {
			return s
		}
	}
	return nil
}
