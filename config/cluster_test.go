package config_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/config"
)

// member is the least that makes a server a node of a cluster.
func member(more ...string) []string {
	return append([]string{"DATABASE_URL=mysql://app@db/chat", "CLUSTER_SECRET=" + strings.Repeat("s", 32), "CORRILLO_CLUSTER_LISTEN=10.0.0.5:7946"}, more...)
}

func TestCluster(t *testing.T) {
	s, _, err := load(t, "", member(), "--dev")
	if err != nil {
		t.Fatal(err)
	}
	c := &s.Cluster
	if !c.Enabled() || c.Membership != "mysql" || c.Lease != 5*time.Second || c.Queue != 64<<20 || c.Name != "corrillo" {
		t.Errorf("%+v", c)
	}
	s, _, err = load(t, `
store: {url: "mysql://app@db/chat", replicaUrl: "mysql://app@replica/chat"}
cluster:
  listen: ":7946"
  advertise: chat-1.internal:7946
  cert: node.pem
  key: node.key
  ca: ca.pem
  membership: etcd
  etcd:
    endpoints:
      - https://10.0.0.7:2379
      - https://10.0.0.8:2379
    user: chat
    password: hush
    ca: etcd-ca.pem
    cert: etcd.pem
    key: etcd.key
`, nil, "--dev")
	if err != nil {
		t.Fatal(err)
	}
	if e := &s.Cluster.Etcd; len(e.Endpoints) != 2 || e.CA != "etcd-ca.pem" || e.Cert != "etcd.pem" || e.Key != "etcd.key" || s.Store.ReplicaURL == "" {
		t.Errorf("%+v", s)
	}
	if s, _, err = load(t, "", []string{"DATABASE_URL=mysql://app@db/chat"}, "--dev", "--database-replica-url=mysql://app@replica/chat"); err != nil || s.Store.ReplicaURL != "mysql://app@replica/chat" {
		t.Errorf("%+v, %v", s, err)
	}
	if s, _, err = load(t, "", []string{"CLUSTER_SECRET=" + strings.Repeat("s", 32)}, "--dev"); err != nil || s.Cluster.Enabled() {
		t.Errorf("a secret makes no cluster: %v", err)
	}
}

// Without limits an event keeps to what a link takes, on a cluster.
func TestCluster_LimitsOff(t *testing.T) {
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want config.Size
	}{
		"a node":        {member(), nil, config.ClusterPayload},
		"its own limit": {member(), []string{"--limits-payload=1MiB"}, 1 << 20},
		"the most":      {member(), []string{"--limits-payload=1536KiB"}, 1536 << 10},
		"alone":         {nil, nil, 64 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := load(t, "", tc.env, append(tc.args, "--dev", "--limits=off")...)
			if err != nil || s.Limits.Payload != tc.want || s.Limits.Burst != 0 {
				t.Errorf("%s, %v", s.Limits.Payload, err)
			}
		})
	}
}

func TestCluster_Refusals(t *testing.T) {
	listen := "CORRILLO_CLUSTER_LISTEN=10.0.0.5:7946"
	mysql := "DATABASE_URL=mysql://app@db/chat"
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want []string // each is in the error
	}{
		"SQLite":                  {env: []string{listen}, want: []string{"environment CORRILLO_CLUSTER_LISTEN: cluster.listen: needs a MySQL database", "DATABASE_URL", "SQLite"}},
		"no secret":               {env: []string{listen, mysql}, want: []string{"cluster.listen: needs something by which the nodes know each other", "CLUSTER_SECRET", "cluster.cert"}},
		"short secret":            {env: []string{"CLUSTER_SECRET=hidden"}, want: []string{"environment CLUSTER_SECRET: cluster.secret: is shorter than 32 bytes"}},
		"certificate alone":       {env: []string{listen, mysql}, args: []string{"--cluster-cert=node.pem"}, want: []string{"cluster.key: is needed beside cluster.cert", "cluster.ca: is needed"}},
		"secret and certificates": {env: member(), args: []string{"--cluster-cert=c", "--cluster-key=k", "--cluster-ca=a"}, want: []string{"cluster.cert: is there instead of cluster.secret"}},
		"no port":                 {env: member("CORRILLO_CLUSTER_LISTEN=10.0.0.5"), want: []string{`cluster.listen: "10.0.0.5" is not host:port`}},
		"no number for a port":    {env: member("CORRILLO_CLUSTER_LISTEN=10.0.0.5:chat"), want: []string{"cluster.listen:", "is not host:port"}},
		"the port of clients":     {env: member("CORRILLO_CLUSTER_LISTEN=10.0.0.5:3001"), want: []string{`cluster.listen: "10.0.0.5:3001" is the port of clients (port) as well`}},
		"the admin address":       {env: member("CORRILLO_CLUSTER_LISTEN=:3002"), args: []string{"--cluster-advertise=10.0.0.5:3002"}, want: []string{`cluster.listen: ":3002" is the admin address (adminAddr) as well`}},
		"advertise everything":    {env: member(), args: []string{"--cluster-advertise=0.0.0.0:7946"}, want: []string{"flag --cluster-advertise: cluster.advertise:", "no address that another machine can connect to"}},
		"advertise no host":       {env: member(), args: []string{"--cluster-advertise=:7946"}, want: []string{"cluster.advertise:"}},
		"advertise no port":       {env: member(), args: []string{"--cluster-advertise=chat-1"}, want: []string{"cluster.advertise:", "is not host:port"}},
		"advertise and no listen": {args: []string{"--cluster-advertise=chat-1:7946"}, want: []string{"cluster.advertise: is for a cluster, and cluster.listen is empty"}},
		"etcd nowhere":            {env: member(), args: []string{"--cluster-membership=etcd"}, want: []string{"cluster.etcd.endpoints: are needed"}},
		"etcd with a password":    {args: []string{"--cluster-etcd-endpoints=https://chat:hidden@10.0.0.7:2379"}, want: []string{"cluster.etcd.endpoints:", "cluster.etcd.password"}},
		"etcd without a scheme":   {args: []string{"--cluster-etcd-endpoints=10.0.0.7:2379"}, want: []string{`cluster.etcd.endpoints: "10.0.0.7:2379" is not a URL such as https://10.0.0.7:2379`}},
		"etcd in two ways":        {args: []string{"--cluster-etcd-endpoints=https://10.0.0.7:2379,http://10.0.0.8:2379"}, want: []string{"cluster.etcd.endpoints: some begin with http:// and some with https://"}},
		"etcd's nobody":           {args: []string{"--cluster-etcd-password=hidden"}, want: []string{"cluster.etcd.user: is needed"}},
		"etcd's certificate":      {args: []string{"--cluster-etcd-cert=etcd.pem"}, want: []string{"cluster.etcd.key: is needed beside cluster.etcd.cert"}},
		"etcd's key":              {env: []string{"CORRILLO_CLUSTER_ETCD_KEY=etcd.key"}, want: []string{"cluster.etcd.cert: is needed beside cluster.etcd.key"}},
		"etcd without TLS":        {args: []string{"--cluster-etcd-endpoints=https://10.0.0.7:2379,http://10.0.0.8:2379", "--cluster-etcd-ca=ca.pem"}, want: []string{`flag --cluster-etcd-ca: cluster.etcd.ca: is for TLS, and "http://10.0.0.8:2379" has none`}},
		"etcd prefix":             {args: []string{"--cluster-etcd-prefix=chat"}, want: []string{"cluster.etcd.prefix:"}},
		"other membership":        {env: []string{"CORRILLO_CLUSTER_MEMBERSHIP=consul"}, want: []string{`cluster.membership: "consul" is none of mysql, etcd`}},
		"short lease":             {args: []string{"--cluster-lease=1s"}, want: []string{"cluster.lease: 1s is less than 3s"}},
		"small queue":             {args: []string{"--cluster-queue=1000"}, want: []string{"cluster.queue:"}},
		"events beyond a link":    {env: member(), args: []string{"--limits-payload=3MiB"}, want: []string{"flag --limits-payload: limits.payload: 3MiB is more than 1536KiB: on a cluster (cluster.listen)", "room on a link between nodes"}},
		"the same, limits off":    {env: member("CORRILLO_LIMITS_PAYLOAD=8MB"), args: []string{"--limits=off"}, want: []string{"environment CORRILLO_LIMITS_PAYLOAD: limits.payload: 8MB is more than 1536KiB"}},
		"queue below an event":    {env: member(), args: []string{"--cluster-queue=1MiB", "--limits-payload=2MiB"}, want: []string{"cluster.queue: 1MiB cannot hold one event of limits.payload (2MiB)"}},
		"name":                    {args: []string{"--cluster-name=a b"}, want: []string{"cluster.name:"}},
		"replica of SQLite":       {env: []string{"DATABASE_REPLICA_URL=mysql://app@replica/chat"}, want: []string{"environment DATABASE_REPLICA_URL: store.replicaUrl: needs the database"}},
		"replica elsewhere":       {env: []string{mysql, "DATABASE_REPLICA_URL=postgresql://u:hidden@h/d"}, want: []string{"store.replicaUrl: only mysql:// is known"}},
		"replica of itself":       {env: []string{mysql, "DATABASE_REPLICA_URL=mysql://app@db/chat"}, want: []string{"store.replicaUrl: is the same as store.url"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, "", tc.env, append(tc.args, "--dev")...)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("error shows a password:\n%v", err)
			}
		})
	}
}

func TestCluster_AdvertisedAt(t *testing.T) {
	const loopback, bridge = "127.0.0.1/8 ::1/128", "172.17.0.1/16"
	for name, tc := range map[string]struct {
		advertise, listener, local string
		want                       string // or what the error says
		err                        bool
	}{
		"as it is said":          {"chat-1:7946", "[::]:7946", loopback, "chat-1:7946", false},
		"one address":            {"", "10.0.0.5:7946", loopback, "10.0.0.5:7946", false},
		"a name":                 {"", "chat-1:7946", loopback, "chat-1:7946", false},
		"loopback, on purpose":   {"", "127.0.0.1:7946", loopback, "127.0.0.1:7946", false},
		"all, of one":            {"", "[::]:7946", loopback + " 10.0.0.5/24 fe80::1/64", "10.0.0.5:7946", false},
		"all of IPv4, of one":    {"", "0.0.0.0:7946", loopback + " 10.0.0.5/24", "10.0.0.5:7946", false},
		"no host, of one":        {"", ":7946", loopback + " 10.0.0.5/24 2001:db8::5/64 2001:db8::6/64", "10.0.0.5:7946", false},
		"all, of one of IPv6":    {"", "[::]:7946", loopback + " fd00::5/64", "[fd00::5]:7946", false},
		"all, of several":        {"", "[::]:7946", loopback + " 10.0.0.5/24 " + bridge, "--cluster-advertise=10.0.0.5:7946, of 10.0.0.5, 172.17.0.1", true},
		"all, of loopback alone": {"", "[::]:7946", loopback + " fe80::1/64", "--cluster-advertise=HOST:7946", true},
		"no address":             {"", "7946", loopback, "missing port", true},
	} {
		t.Run(name, func(t *testing.T) {
			var local []net.Addr
			for _, a := range strings.Fields(tc.local) {
				ip, n, err := net.ParseCIDR(a)
				if err != nil {
					t.Fatal(err)
				}
				local = append(local, &net.IPNet{IP: ip, Mask: n.Mask})
			}
			c := config.Cluster{Advertise: tc.advertise}
			got, err := c.AdvertisedAt(tc.listener, local)
			switch {
			case tc.err && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %q and %v, want an error with %q", got, err, tc.want)
			case !tc.err && (err != nil || got != tc.want):
				t.Errorf("got %q and %v, want %q", got, err, tc.want)
			}
		})
	}
}
