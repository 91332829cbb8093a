package message

// Size is about how many bytes of a client or a back end a command carries, for
// bounds on what waits.
func Size(msg any) int {
	const rest = 200
	switch m := msg.(type) {
	case *PostMessage:
		return m.Message.Size()
	case *EditMessage:
		return rest + len(m.Content)
	case *PassEvent:
		return rest + len(m.Data)
	case *EmitToUser:
		return rest + len(m.Data)
	}
	return rest
}
