package mysql

import (
	"crypto/tls"
	"errors"

	"github.com/go-sql-driver/mysql"
)

// refusal is why the server did not let a connection in: what this process was
// told of it is wrong, or what the server was told of this process.
type refusal struct {
	why string
	err error
}

func (r *refusal) Error() string { return r.why + ": " + r.err.Error() }

func (r *refusal) Unwrap() error { return r.err }

// refused reports whether an error is that of a connection that was not let in.
func refused(err error) bool {
	_, is := errors.AsType[*refusal](err)
	return is
}

// refusals says in words what the server's numbers mean when it answers with one
// of them to somebody who connects.
var refusals = map[uint16]string{
	1045: "the user or the password is wrong, or the account is not for this machine", // ER_ACCESS_DENIED_ERROR
	1698: "the user or the password is wrong, or the account is not for this machine", // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
	1044: "the account may not use this database, or there is none of this name",      // ER_DBACCESS_DENIED_ERROR
	1049: "there is no database of this name",                                         // ER_BAD_DB_ERROR
	1130: "no account is for this machine",                                            // ER_HOST_NOT_PRIVILEGED
	1251: "the account's way to check a password is not known here",                   // ER_NOT_SUPPORTED_AUTH_MODE
	1524: "the account's way to check a password is not there",                        // ER_PLUGIN_IS_NOT_LOADED
	1820: "the account's password has expired",                                        // ER_MUST_CHANGE_PASSWORD
	1862: "the account's password has expired",                                        // ER_MUST_CHANGE_PASSWORD_LOGIN
	3118: "the account is locked",                                                     // ER_ACCOUNT_HAS_BEEN_LOCKED
	3159: "the server wants TLS",                                                      // ER_SECURE_TRANSPORT_REQUIRED
	4150: "the account is blocked after too many wrong passwords",                     // MariaDB: ER_USER_IS_BLOCKED
	4151: "the account is locked",                                                     // MariaDB: ER_ACCOUNT_HAS_BEEN_LOCKED
}

// asRefusal gives an error of connecting its words, where it is a refusal.
func asRefusal(err error) error {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		if why := refusals[e.Number]; why != "" {
			return &refusal{why, err}
		}
		return err
	}
	for _, way := range [...]error{mysql.ErrCleartextPassword, mysql.ErrNativePassword, mysql.ErrOldPassword, mysql.ErrUnknownPlugin} {
		if errors.Is(err, way) {
			return &refusal{"the server checks the password in a way that is not known or not allowed here", err}
		}
	}
	if errors.Is(err, mysql.ErrNoTLS) {
		return &refusal{"the server has no TLS", err}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &refusal{"the server's certificate is not accepted", err}
	}
	return err
}
