package outbox

// ChokedOver sets how many items and bytes may wait before a node is Choked.
func (o *Outbox) ChokedOver(items, bytes int) { o.tooMany, o.tooMuch = items, bytes }
