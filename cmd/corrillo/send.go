package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"github.com/corrillo/corrillo/wire"
)

type sendCmd struct {
	clientFlags
	To     string `xor:"to" placeholder:"CONVERSATION" help:"Conversation to send to."`
	ToUser string `xor:"to" placeholder:"USER" help:"Person to send to."`
	TempID string `name:"temp-id" placeholder:"ID" help:"Key that makes a repeat harmless; a fresh one when empty."`
	Text   string `arg:"" help:"The message; - reads it from standard input."`
}

// Run sends one message and prints the server's message_ack.
func (c *sendCmd) Run(p *program) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if (c.To == "") == (c.ToUser == "") {
		return errors.New("say where to: --to a conversation, or --to-user a person")
	}
	if c.Text == "-" {
		text, err := io.ReadAll(p.in)
		if err != nil {
			return fmt.Errorf("read the message: %w", err)
		}
		c.Text = strings.TrimSuffix(string(text), "\n")
	}
	if c.TempID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make a tempId: %w", err)
		}
		c.TempID = id.String()
	}
	conn, err := dial(ctx, &c.clientFlags, func(string, json.RawMessage) error { return nil })
	if err != nil {
		return err
	}
	defer conn.close()
	ack, err := conn.call(wire.EventSendMessage, message(c))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s\n", ack)
	return err
}

// message is the payload of send_message.
func message(c *sendCmd) map[string]string {
	m := map[string]string{"content": c.Text, "tempId": c.TempID}
	if c.To != "" {
		m["conversationId"] = c.To
	} else {
		m["receiverId"] = c.ToUser
	}
	return m
}
