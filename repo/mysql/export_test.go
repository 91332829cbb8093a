package mysql

// SecondWay keeps the store from MariaDB's compound statement, so that it does
// what it would do with MySQL.
func (o *Options) SecondWay() { o.firstWay = 1 }
