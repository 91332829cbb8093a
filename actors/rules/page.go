package rules

import "github.com/corrillo/corrillo/repo"

// ReplyBytes bounds the messages of a reply as JSON, which may take several
// times the bytes that they take in the store: 4 MiB.
const ReplyBytes = repo.PageBytes

// FitPage cuts a page to ReplyBytes: it keeps the first messages, or with
// fromNewest the last ones, one in any case. cut reports whether it left some
// out.
func FitPage(page []repo.Message, fromNewest bool) (kept []repo.Message, cut bool) {
	n, _ := fitting(page, ReplyBytes, fromNewest)
	if n = max(n, 1); n >= len(page) {
		return page, false
	}
	if fromNewest {
		return page[len(page)-n:], true
	}
	return page[:n], true
}

// Fit cuts Missed and Changed so that together they keep to ReplyBytes, and sets
// HasMore where it does. Changed comes first, with one message in any case and
// no more than half of the room: what Missed leaves out comes with get_history.
func (r *JoinReply) Fit() {
	n, bytes := fitting(r.Changed, ReplyBytes/2, false)
	if n == 0 && len(r.Changed) > 0 {
		n, bytes = fitting(r.Changed[:1], maxInt, false)
	}
	least := 0
	if n == 0 {
		least = 1
	}
	m, _ := fitting(r.Missed, ReplyBytes-bytes, false)
	m = min(max(m, least), len(r.Missed))
	r.HasMore = r.HasMore || n < len(r.Changed) || m < len(r.Missed)
	r.Missed, r.Changed = r.Missed[:m], r.Changed[:n]
}

const maxInt = int(^uint(0) >> 1)

// fitting returns how many messages of a page, from the first on or from the
// last one back, have at most that many bytes as JSON, and how many these are,
// or more.
func fitting(page []repo.Message, most int, fromNewest bool) (n, bytes int) {
	for i := range page {
		bytes += mostBytes(&page[i])
	}
	if bytes <= most {
		return len(page), bytes
	}
	bytes = 0
	var scratch []byte
	for n < len(page) {
		m := &page[n]
		if fromNewest {
			m = &page[len(page)-1-n]
		}
		scratch = AppendStored(scratch[:0], m)
		if bytes+len(scratch)+1 > most {
			break
		}
		bytes += len(scratch) + 1
		n++
	}
	return n, bytes
}

// mostBytes bounds what AppendStored makes of a message: six bytes for one that
// has to be escaped, in names and ids as well.
func mostBytes(m *repo.Message) int {
	text := len(m.Content) + len(m.SenderName) + len(m.ID) + len(m.ConversationID) + len(m.SenderID) + len(m.ReceiverID) + len(m.TempID) + len(m.Type) + len(m.DeletedBy)
	return 500 + 6*text + len(m.Metadata) + len(m.ReplyTo) + len(m.Extra)
}
