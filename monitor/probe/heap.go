package probe

// The heap orders the entries by when they have to be looked at. It is written
// out because container/heap costs an interface call for each comparison, and
// every ping moves its entry three times.

// fix puts an entry where its wake belongs, adding it if it is new.
func (b *book) fix(e *entry) {
	if e.heap < 0 {
		e.heap = len(b.heap)
		b.heap = append(b.heap, e)
	}
	if !b.down(e.heap) {
		b.up(e.heap)
	}
}

// remove takes an entry out.
func (b *book) remove(e *entry) {
	last := len(b.heap) - 1
	i := e.heap
	b.swap(i, last)
	b.heap[last] = nil
	b.heap = b.heap[:last]
	e.heap = -1
	if i < last && !b.down(i) {
		b.up(i)
	}
}

func (b *book) swap(i, j int) {
	b.heap[i], b.heap[j] = b.heap[j], b.heap[i]
	b.heap[i].heap = i
	b.heap[j].heap = j
}

func (b *book) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if b.heap[parent].wake <= b.heap[i].wake {
			return
		}
		b.swap(i, parent)
		i = parent
	}
}

// down says whether the entry moved.
func (b *book) down(i int) bool {
	start := i
	for {
		child := 2*i + 1
		if child >= len(b.heap) {
			break
		}
		if right := child + 1; right < len(b.heap) && b.heap[right].wake < b.heap[child].wake {
			child = right
		}
		if b.heap[i].wake <= b.heap[child].wake {
			break
		}
		b.swap(i, child)
		i = child
	}
	return i > start
}
