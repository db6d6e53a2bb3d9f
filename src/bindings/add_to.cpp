#include "bindings/add_to.h"

#include "bindings/embedded_wit.h"
#include "wasi/declare.h"

namespace wattle::bindings {

void add_to(runtime::Linker& linker) {
  add_blobstore(linker);
  add_bus(linker);
  add_config(linker);
  add_key_value(linker);
  add_logging(linker);
  add_messaging(linker);
  add_postgres(linker);
  add_secrets(linker);
}

Result<void> declare_types(runtime::Linker& linker) {
  return wasi::declare_types(linker, wit::embedded_capability_wit());
}

}  // namespace wattle::bindings
