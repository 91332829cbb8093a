package repotest

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// OpenMariaDB starts a private MariaDB for a program that is no test. Close it when
// nothing uses it any more.
func OpenMariaDB() (*Server, error) { return newServer("") }

// Close ends the server and deletes its data.
func (s *Server) Close() error { return s.remove() }

// OpenAdmin is Admin for who closes it.
func (s *Server) OpenAdmin() (*sql.DB, error) { return s.admin() }

// CreateDatabase makes a fresh database and gives its URL.
func (s *Server) CreateDatabase() (string, error) {
	s.mu.Lock()
	s.databases++
	name := fmt.Sprint("test", s.databases)
	s.mu.Unlock()
	if err := s.administer("CREATE DATABASE " + name); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return fmt.Sprintf("mysql://%s:%s@127.0.0.1:%d/%s", testUser, "p%40ss%2Fword", s.port, name), nil
}

// DropDatabase deletes a database that CreateDatabase has made.
func (s *Server) DropDatabase(url string) error {
	name := url[strings.LastIndexByte(url, '/')+1:]
	if err := s.administer("DROP DATABASE `" + name + "`"); err != nil {
		return fmt.Errorf("drop the database %s: %w", name, err)
	}
	return nil
}

// Version is what the server says of itself, such as 10.11.14-MariaDB.
func (s *Server) Version() (version string, err error) {
	db, err := s.admin()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRow("SELECT VERSION()").Scan(&version)
	return version, err
}

// administer runs one statement as the administrator.
func (s *Server) administer(statement string) (err error) {
	db, err := s.admin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.Exec(statement)
	return err
}
