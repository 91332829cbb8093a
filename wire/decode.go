package wire

// Decode turns an inbound event into a validated Command. isPassthrough says
// whether the operator listed an event name; nil means none. Any name that is
// neither ours nor listed is CodeInvalidPayload. The Command owns its bytes:
// in.Data may be reused when Decode returns.
func Decode(in Inbound, isPassthrough func(event string) bool) (Command, *Error) {
	return nil, Errorf(CodeInvalidPayload, "unknown event")
}
