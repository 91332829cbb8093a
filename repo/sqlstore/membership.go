package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// membershipQuery is the operator's SELECT with its named parameters turned
// into positional ones.
type membershipQuery struct {
	text string
	// conversation says, for each parameter in order, whether it is the
	// conversation's id or the user's.
	conversation []bool
}

// QueryMembership implements repo.Store.
func (s *Store) QueryMembership(ctx context.Context, userID, conversationID string) (bool, error) {
	if s.membership == nil {
		return false, ErrNoMembershipQuery
	}
	args := make([]any, len(s.membership.conversation))
	for i, isConversation := range s.membership.conversation {
		if args[i] = userID; isConversation {
			args[i] = conversationID
		}
	}
	member := false
	err := s.query(ctx, "ask for membership", func() { member = false }, s.membership.text, args, func(*sql.Rows) error {
		member = true
		return nil
	})
	return member, err
}

// parseMembershipQuery takes one SELECT with :userId and :conversationId, each
// at least once. Strings, quoted names and comments are left as they are;
// outside of them nothing that could begin a second statement, write or lock
// is taken, and no positional parameter.
func parseMembershipQuery(query string, backslash bool) (*membershipQuery, error) {
	p := &queryParser{in: strings.TrimSpace(query), backslash: backslash}
	p.in = strings.TrimSpace(strings.TrimSuffix(p.in, ";"))
	if err := p.run(); err != nil {
		return nil, err
	}
	q := &membershipQuery{text: p.out.String(), conversation: p.conversation}
	users := 0
	for _, isConversation := range q.conversation {
		if !isConversation {
			users++
		}
	}
	if users == 0 || users == len(q.conversation) {
		return nil, errors.New("it must use both :userId and :conversationId")
	}
	return q, nil
}

type queryParser struct {
	in           string
	pos          int
	backslash    bool
	out          strings.Builder
	conversation []bool
	words        int
}

func (p *queryParser) run() error {
	for p.pos < len(p.in) {
		var err error
		switch c := p.in[p.pos]; {
		case c == '\'' || c == '"' || c == '`':
			err = p.quoted(c)
		case c == '#' || strings.HasPrefix(p.in[p.pos:], "--") || strings.HasPrefix(p.in[p.pos:], "/*"):
			err = errors.New("comments are not allowed in it")
		case c == ';':
			err = errors.New("it must be a single statement")
		case c == '?':
			err = errors.New("parameters are named :userId and :conversationId, not ?")
		case c == '@':
			err = errors.New("variables are not allowed in it")
		case c == ':':
			err = p.parameter()
		case isWord(c):
			err = p.word()
		default:
			p.out.WriteByte(c)
			p.pos++
		}
		if err != nil {
			return err
		}
	}
	if p.words == 0 {
		return errors.New("it is empty")
	}
	return nil
}

// quoted copies up to the closing quote; a doubled quote is taken as two
// strings in a row, which copies the same.
func (p *queryParser) quoted(quote byte) error {
	start := p.pos
	for p.pos++; p.pos < len(p.in); p.pos++ {
		switch c := p.in[p.pos]; {
		case c == '\\' && p.backslash && quote != '`':
			p.pos++
		case c == quote:
			p.pos++
			p.out.WriteString(p.in[start:p.pos])
			return nil
		}
	}
	return errors.New("a quote is not closed")
}

func (p *queryParser) parameter() error {
	p.pos++
	name := p.take()
	switch name {
	case "userId":
		p.conversation = append(p.conversation, false)
	case "conversationId":
		p.conversation = append(p.conversation, true)
	default:
		return fmt.Errorf("parameter %q is not known: want :userId or :conversationId", ":"+name)
	}
	p.out.WriteByte('?')
	return nil
}

func (p *queryParser) word() error {
	w := p.take()
	switch upper := strings.ToUpper(w); {
	case p.words == 0 && upper != "SELECT":
		return errors.New("it must begin with SELECT")
	case upper == "INTO" || upper == "FOR" || upper == "LOCK" || upper == "PROCEDURE":
		return fmt.Errorf("%s is not allowed in it", upper)
	}
	p.words++
	p.out.WriteString(w)
	return nil
}

// take moves over a name.
func (p *queryParser) take() string {
	start := p.pos
	for p.pos < len(p.in) && isWord(p.in[p.pos]) {
		p.pos++
	}
	return p.in[start:p.pos]
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
