// Drives a server with the Go client, each check below a root of its own.
//
// Argument: host:port. Prints "ok NAME" or "FAIL NAME: why" for each check, then "done".
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

type quiet struct{}

func (quiet) Printf(string, ...interface{}) {}

type check struct {
	name string
	run  func(root string)
}

var address = os.Args[1]

func equal(expected, actual interface{}) {
	if !reflect.DeepEqual(expected, actual) {
		panic(fmt.Sprintf("expected %v, got %v", expected, actual))
	}
}

func must(err error) {
	if err != nil {
		panic(err.Error())
	}
}

func refused(expected, err error) {
	if !errors.Is(err, expected) {
		panic(fmt.Sprintf("expected %v, got %v", expected, err))
	}
}

func connect() *zk.Conn {
	conn, events, err := zk.Connect([]string{address}, 8*time.Second, zk.WithLogger(quiet{}))
	must(err)
	for event := range events {
		if event.State == zk.StateHasSession {
			return conn
		}
	}
	panic("no session")
}

func create(conn *zk.Conn, path string, flags int32) string {
	made, err := conn.Create(path, []byte("0"), flags, zk.WorldACL(zk.PermAll))
	must(err)
	return made
}

func next(events <-chan zk.Event) string {
	select {
	case event := <-events:
		return event.Type.String() + " " + event.Path
	case <-time.After(30 * time.Second):
		panic("no event came")
	}
}

func basics(root string) {
	conn := connect()
	defer conn.Close()
	a := create(conn, root+"/a", 0)
	equal(root+"/s-0000000001", create(conn, root+"/s-", zk.FlagSequence))
	equal(root+"/e", create(conn, root+"/e", zk.FlagEphemeral))
	data, stat, err := conn.Get(a)
	must(err)
	equal("0", string(data))
	stat, err = conn.Set(a, []byte("1"), stat.Version)
	must(err)
	equal(int32(1), stat.Version)
	_, err = conn.Set(a, nil, 9)
	refused(zk.ErrBadVersion, err)
	_, err = conn.Create(a, nil, 0, zk.WorldACL(zk.PermAll))
	refused(zk.ErrNodeExists, err)
	refused(zk.ErrNotEmpty, conn.Delete(root, -1))
	children, _, err := conn.Children(root)
	must(err)
	sort.Strings(children)
	equal([]string{"a", "e", "s-0000000001"}, children)
	must(conn.Delete(a, 1))
	exists, _, err := conn.Exists(a)
	must(err)
	equal(false, exists)
	_, err = conn.Sync(root)
	must(err)
	acl, _, err := conn.GetACL(root)
	must(err)
	equal(zk.WorldACL(zk.PermAll), acl)
}

func containersAndTTL(root string) {
	conn := connect()
	defer conn.Close()
	made, err := conn.CreateContainer(root+"/c", nil, zk.FlagContainer, zk.WorldACL(zk.PermAll))
	must(err)
	equal(root+"/c", made)
	made, err = conn.CreateTTL(root+"/t", nil, zk.FlagTTL, zk.WorldACL(zk.PermAll), time.Hour)
	must(err)
	equal(root+"/t", made)
}

func watches(root string) {
	conn, other := connect(), connect()
	defer conn.Close()
	defer other.Close()
	_, _, created, err := conn.ExistsW(root + "/a")
	must(err)
	_, _, listed, err := conn.ChildrenW(root)
	must(err)
	create(other, root+"/a", 0)
	equal("EventNodeCreated "+root+"/a", next(created))
	equal("EventNodeChildrenChanged "+root, next(listed))
	_, _, changed, err := conn.GetW(root + "/a")
	must(err)
	_, err = other.Set(root+"/a", nil, -1)
	must(err)
	equal("EventNodeDataChanged "+root+"/a", next(changed))
	_, _, deleted, err := conn.GetW(root + "/a")
	must(err)
	must(other.Delete(root+"/a", -1))
	equal("EventNodeDeleted "+root+"/a", next(deleted))
}

func multi(root string) {
	conn := connect()
	defer conn.Close()
	results, err := conn.Multi(
		&zk.CreateRequest{Path: root + "/a", Data: []byte("0"), Acl: zk.WorldACL(zk.PermAll)},
		&zk.SetDataRequest{Path: root + "/a", Data: []byte("1"), Version: 0},
		&zk.CheckVersionRequest{Path: root + "/a", Version: 1},
	)
	must(err)
	equal(root+"/a", results[0].String)
	equal(int32(1), results[1].Stat.Version)
	_, err = conn.Multi(
		&zk.CreateRequest{Path: root + "/b", Acl: zk.WorldACL(zk.PermAll)},
		&zk.CheckVersionRequest{Path: root + "/a", Version: 9},
	)
	refused(zk.ErrBadVersion, err)
	exists, _, err := conn.Exists(root + "/b")
	must(err)
	equal(false, exists)
}

func lock(root string) {
	var group sync.WaitGroup
	var guard sync.Mutex
	inside, entered := 0, 0
	failures := make(chan string, 3)
	for i := 0; i < 3; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			defer func() {
				if problem := recover(); problem != nil {
					failures <- fmt.Sprint(problem)
				}
			}()
			conn := connect()
			defer conn.Close()
			for round := 0; round < 5; round++ {
				one := zk.NewLock(conn, root+"/lock", zk.WorldACL(zk.PermAll))
				must(one.Lock())
				guard.Lock()
				inside++
				entered++
				equal(1, inside)
				inside--
				guard.Unlock()
				must(one.Unlock())
			}
		}()
	}
	group.Wait()
	if len(failures) > 0 {
		panic(<-failures)
	}
	equal(15, entered)
}

func digest(root string) {
	owner, stranger := connect(), connect()
	defer owner.Close()
	defer stranger.Close()
	must(owner.AddAuth("digest", []byte("anna:secret")))
	_, err := owner.Create(root+"/a", []byte("0"), 0, zk.DigestACL(zk.PermAll, "anna", "secret"))
	must(err)
	_, _, err = stranger.Get(root + "/a")
	refused(zk.ErrNoAuth, err)
	must(stranger.AddAuth("digest", []byte("anna:secret")))
	data, _, err := stranger.Get(root + "/a")
	must(err)
	equal("0", string(data))
}

func ephemerals(root string) {
	conn, other := connect(), connect()
	defer other.Close()
	create(conn, root+"/e", zk.FlagEphemeral)
	_, _, gone, err := other.ExistsW(root + "/e")
	must(err)
	conn.Close()
	equal("EventNodeDeleted "+root+"/e", next(gone))
}

func words(string) {
	equal([]bool{true}, zk.FLWRuok([]string{address}, 5*time.Second))
}

func try(one check, root string) {
	defer func() {
		if problem := recover(); problem != nil {
			fmt.Printf("FAIL %s: %s\n", one.name, strings.Join(strings.Fields(fmt.Sprint(problem)), " "))
		}
	}()
	one.run(root)
	fmt.Println("ok " + one.name)
}

func main() {
	conn := connect()
	base := create(conn, "/go-", zk.FlagSequence)
	for i, one := range []check{
		{"znodes are created, read, changed and deleted", basics},
		{"containers and TTL znodes are made", containersAndTTL},
		{"watches fire", watches},
		{"a multi is all or nothing", multi},
		{"Lock lets one in at a time", lock},
		{"digest credentials open what they closed", digest},
		{"ephemerals go with their session", ephemerals},
		{"four-letter words are understood", words},
	} {
		try(one, create(conn, fmt.Sprintf("%s/%d", base, i), 0))
	}
	fmt.Println("done")
}
