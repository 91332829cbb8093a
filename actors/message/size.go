package message

// Size returns about how many bytes a message takes in memory, going by what
// clients and back ends have put into it. It serves bounds on messages that wait.
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
