package files

// Is says that a conversation that the other side ended because of the root ended with ErrRoot.
func (f *byeFrame) Is(target error) bool { return target == ErrRoot && f.Code == byeRoot }
