// Copying one stream to another without blocking calls: read, wait, check how much may be written, write,
// wait.
#pragma once

#include "wasi_io.h"

// False where the reader went away.
static inline bool write_patiently(Handle output, const char* data, size_t size) {
  while (size) {
    StreamCount room;
    output_check_write(output, &room);
    if (room.failed) {
      drop_stream_error(room.error);
      return false;
    }
    if (!room.count) {
      wait_for(output_subscribe(output));
      continue;
    }
    size_t chunk = room.count < size ? (size_t)room.count : size;
    StreamStatus status;
    output_write(output, data, chunk, &status);
    if (status.failed) {
      drop_stream_error(status.error);
      return false;
    }
    data += chunk;
    size -= chunk;
  }
  return true;
}

// Copies until the input ends. False where either side broke off.
static inline bool copy_stream(Handle input, Handle output) {
  uintptr_t mark = guest_mark();
  for (;;) {
    guest_release(mark);
    StreamData chunk;
    input_read(input, 65536, &chunk);
    if (chunk.failed) {
      drop_stream_error(chunk.error);
      if (chunk.error.kind != STREAM_CLOSED) return false;
      StreamStatus status;
      output_blocking_flush(output, &status);
      if (status.failed) drop_stream_error(status.error);
      return !status.failed;
    }
    if (!chunk.data.size) {
      wait_for(input_subscribe(input));
    } else if (!write_patiently(output, chunk.data.data, chunk.data.size)) {
      return false;
    }
  }
}
