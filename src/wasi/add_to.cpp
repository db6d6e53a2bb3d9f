#include "wasi/add_to.h"

#include "wasi/cli.h"
#include "wasi/clocks.h"
#include "wasi/filesystem.h"
#include "wasi/http.h"
#include "wasi/io.h"
#include "wasi/random.h"
#include "wasi/sockets_network.h"

namespace wattle::wasi {

void add_to(runtime::Linker& linker) {
  add_io(linker);
  add_cli(linker);
  add_clocks(linker);
  add_random(linker);
  add_filesystem(linker);
  add_sockets(linker);
  add_http(linker);
}

}  // namespace wattle::wasi
