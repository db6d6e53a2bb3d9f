// wasi:io as a guest without a C library imports it. Handles are i32; a result that does not fit in one core
// value is written to `out`.
#pragma once

#include "guest.h"

#define WASI_POLL "wasi:io/poll@" WASI_VERSION
#define WASI_STREAMS "wasi:io/streams@" WASI_VERSION
#define WASI_ERROR "wasi:io/error@" WASI_VERSION

typedef int32_t Handle;

// result<_, E> where E is one byte or nothing.
typedef struct {
  uint8_t failed;
  uint8_t error;
} ByteResult;

// result<own<T>, E> where E is one byte or nothing.
typedef struct {
  uint8_t failed;
  union {
    Handle handle;
    uint8_t error;
  };
} HandleResult;

// stream-error; `cause` is a wasi:io/error where `kind` is STREAM_LAST_OPERATION_FAILED.
typedef struct {
  uint8_t kind;
  Handle cause;
} StreamError;

enum { STREAM_LAST_OPERATION_FAILED = 0, STREAM_CLOSED = 1 };

// result<_, stream-error>
typedef struct {
  uint8_t failed;
  StreamError error;
} StreamStatus;

// result<list<u8>, stream-error>
typedef struct {
  uint8_t failed;
  union {
    Bytes data;
    StreamError error;
  };
} StreamData;

// result<u64, stream-error>
typedef struct {
  uint8_t failed;
  union {
    uint64_t count;
    StreamError error;
  };
} StreamCount;

IMPORT(WASI_POLL, "[method]pollable.block") void pollable_block(Handle self);
IMPORT(WASI_POLL, "[method]pollable.ready") int32_t pollable_ready(Handle self);
IMPORT(WASI_POLL, "[resource-drop]pollable") void pollable_drop(Handle self);
IMPORT(WASI_POLL, "poll") void poll_list(const Handle* pollables, size_t count, Bytes* out);

IMPORT(WASI_STREAMS, "[method]input-stream.read")
void input_read(Handle self, uint64_t size, StreamData* out);
IMPORT(WASI_STREAMS, "[method]input-stream.blocking-read")
void input_blocking_read(Handle self, uint64_t size, StreamData* out);
IMPORT(WASI_STREAMS, "[method]input-stream.subscribe") Handle input_subscribe(Handle self);
IMPORT(WASI_STREAMS, "[resource-drop]input-stream") void input_drop(Handle self);

IMPORT(WASI_STREAMS, "[method]output-stream.check-write")
void output_check_write(Handle self, StreamCount* out);
IMPORT(WASI_STREAMS, "[method]output-stream.write")
void output_write(Handle self, const char* data, size_t size, StreamStatus* out);
IMPORT(WASI_STREAMS, "[method]output-stream.flush") void output_flush(Handle self, StreamStatus* out);
IMPORT(WASI_STREAMS, "[method]output-stream.blocking-flush")
void output_blocking_flush(Handle self, StreamStatus* out);
IMPORT(WASI_STREAMS, "[method]output-stream.blocking-write-and-flush")
void output_blocking_write_and_flush(Handle self, const char* data, size_t size, StreamStatus* out);
IMPORT(WASI_STREAMS, "[method]output-stream.subscribe") Handle output_subscribe(Handle self);
IMPORT(WASI_STREAMS, "[resource-drop]output-stream") void output_drop(Handle self);

IMPORT(WASI_ERROR, "[resource-drop]error") void io_error_drop(Handle self);

// Waits for the pollable and drops it.
static inline void wait_for(Handle pollable) {
  pollable_block(pollable);
  pollable_drop(pollable);
}

static inline void drop_stream_error(StreamError error) {
  if (error.kind == STREAM_LAST_OPERATION_FAILED) io_error_drop(error.cause);
}

// False where the other side went away, which is no fault of the guest's.
static inline bool write_all(Handle stream, const char* data, size_t size) {
  while (size) {
    size_t chunk = size < 4096 ? size : 4096;  // the most that blocking-write-and-flush takes
    StreamStatus status;
    output_blocking_write_and_flush(stream, data, chunk, &status);
    if (status.failed) {
      drop_stream_error(status.error);
      return false;
    }
    data += chunk;
    size -= chunk;
  }
  return true;
}
