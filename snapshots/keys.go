package snapshots

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/crypto/ssh"
)

// keyPair is a new ed25519 key in OpenSSH's two forms.
type keyPair struct {
	private []byte // PEM
	public  ssh.PublicKey
}

func newKeyPair(comment string) (keyPair, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keyPair{}, fmt.Errorf("cannot make an SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(priv, comment)
	if err != nil {
		return keyPair{}, fmt.Errorf("cannot encode an SSH key: %w", err)
	}
	public, err := ssh.NewPublicKey(pub)
	if err != nil {
		return keyPair{}, fmt.Errorf("cannot encode an SSH key: %w", err)
	}
	return keyPair{private: pem.EncodeToMemory(block), public: public}, nil
}

// line returns the public key as in a .pub file, without a line end.
func line(key ssh.PublicKey) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
}

// clientKey returns the key that patchlab and plain ssh log in to a lab's
// machines with, and its path. It is made when first asked for, once, even
// when several processes ask at the same time.
func (s *Store) clientKey(ctx context.Context, labName string) (ssh.Signer, string, error) {
	dir, err := s.labDir(labName)
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, clientKeyID)
	unlock, err := s.lock(ctx, "key-"+labName, nil, "")
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeClientKey(labName, path); err != nil {
			return nil, "", err
		}
	}
	signer, err := readSigner(path)
	return signer, path, err
}

func makeClientKey(labName, path string) error {
	pair, err := newKeyPair("patchlab " + labName)
	if err != nil {
		return err
	}
	pub := line(pair.public) + " patchlab " + labName + "\n"
	if err := renameio.WriteFile(path+".pub", []byte(pub), 0o600); err != nil {
		return fmt.Errorf("cannot write the lab's SSH key: %w", err)
	}
	if err := renameio.WriteFile(path, pair.private, 0o600); err != nil {
		return fmt.Errorf("cannot write the lab's SSH key: %w", err)
	}
	return nil
}

func readSigner(path string) (ssh.Signer, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the lab's SSH key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("cannot read the lab's SSH key %s: %w", path, err)
	}
	return signer, nil
}
