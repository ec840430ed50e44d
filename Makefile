build:
	go build -o bin/patchlab ./cmd/patchlab
