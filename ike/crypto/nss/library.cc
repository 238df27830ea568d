#include "ike/crypto/nss/library.h"

#include <atomic>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nss.h>
#include <secmod.h>

#include "ike/crypto/nss/handles.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::size_t kMaxPasswordFile = 4096;  // as libreswan

// NSS asks for passwords through a process-wide function without a context of its own.
std::atomic<Library*> open_library = nullptr;
std::atomic_flag claimed = ATOMIC_FLAG_INIT;

// NSS wipes and frees what it is given. `retry`: the last answer was wrong, and there is only one.
char* password_for(PK11SlotInfo* slot, PRBool retry, void* /*context*/) {
  const Library* library = open_library.load();
  if (!library || retry) return nullptr;
  const SecretBytes* password = library->password_of(PK11_GetTokenName(slot));
  if (!password) return nullptr;
  char* text = static_cast<char*>(PORT_ZAlloc(password->size() + 1));
  if (text) std::copy(password->view().begin(), password->view().end(), text);
  return text;
}

// What no certificate may be signed with any more; NSS 3.87 would take SHA-1.
void refuse_broken_hashes() {
  for (const SECOidTag tag : {SEC_OID_MD2, SEC_OID_MD4, SEC_OID_MD5, SEC_OID_SHA1}) {
    NSS_SetAlgorithmPolicy(tag, 0, NSS_USE_ALG_IN_CERT_SIGNATURE);
  }
}

}  // namespace

Result<std::unique_ptr<Library>> Library::open(const NssOptions& options) {
  if (claimed.test_and_set()) {
    return fail(Code::kExists, "NSS", "is already open in this process");
  }
  std::unique_ptr<Library> library(new Library);
  library->claimed_ = true;
  open_library = library.get();
  if (auto done = library->initialise(options); !done) return forward(done);
  return library;
}

Library::~Library() {
  if (claimed_) (void)close();
}

Status Library::initialise(const NssOptions& options) {
  if (options.password_file) {
    if (auto read = read_passwords(*options.password_file); !read) return read;
  }
  PK11_SetPasswordFunc(password_for);
  const SECStatus done = options.database
                             ? NSS_Initialize(("sql:" + *options.database).c_str(), "", "",
                                              SECMOD_DB, NSS_INIT_READONLY | NSS_INIT_NOROOTINIT)
                             : NSS_NoDB_Init(nullptr);
  if (done != SECSuccess) {
    return nss_failure(Code::kIo, options.database ? "NSS database " + *options.database : "NSS");
  }
  initialised_ = true;
  if (options.fips && !PK11_IsFIPS()) {
    // "Deleting" the internal module swaps it for its FIPS twin.
    const SECMODModule* internal = SECMOD_GetInternalModule();
    if (!internal || SECMOD_DeleteInternalModule(internal->commonName) != SECSuccess ||
        !PK11_IsFIPS()) {
      return nss_failure(Code::kCrypto, "NSS FIPS mode");
    }
  }
  refuse_broken_hashes();
  return options.database ? log_in(*options.database) : Status{};
}

Status Library::log_in(const std::string& directory) {
  const SlotPtr slot(PK11_GetInternalKeySlot());
  if (!slot) return nss_failure(Code::kCrypto, "NSS database " + directory);
  if (!PK11_NeedLogin(slot.get()) ||
      PK11_Authenticate(slot.get(), PR_TRUE, nullptr) == SECSuccess) {
    return {};
  }
  const std::string token = PK11_GetTokenName(slot.get());
  return fail(
      Code::kDenied, "NSS database " + directory,
      password_of(token)
          ? fmt::format("the password file's password for \"{}\" is wrong", token)
          : fmt::format("needs a password; the password file wants a line \"{}:PASSWORD\"", token));
}

Status Library::read_passwords(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::kIo, path, "cannot be read");
  SecretBytes text(kMaxPasswordFile + 1);
  file.read(reinterpret_cast<char*>(text.writable().data()),
            static_cast<std::streamsize>(text.size()));
  const auto length = static_cast<std::size_t>(file.gcount());
  if (length > kMaxPasswordFile) {
    return fail(Code::kInvalid, path, fmt::format("is longer than {} octets", kMaxPasswordFile));
  }
  ByteView rest = text.view().first(length);
  for (int number = 1; !rest.empty(); ++number) {
    const auto end = std::find(rest.begin(), rest.end(), '\n');
    ByteView line(rest.begin(), end);
    rest = rest.subspan(line.size() + (end == rest.end() ? 0 : 1));
    if (!line.empty() && line.back() == '\r') line = line.first(line.size() - 1);
    if (line.empty() || line.front() == '#') continue;
    const auto colon = std::find(line.begin(), line.end(), ':');
    if (colon == line.end()) {
      return fail(Code::kInvalid, fmt::format("{}:{}", path, number),
                  "wants \"token:password\", such as \"NSS Certificate DB:PASSWORD\"");
    }
    const ByteView token(line.begin(), colon);
    passwords_.insert_or_assign(to_text(token), SecretBytes(line.subspan(token.size() + 1)));
  }
  return {};
}

const SecretBytes* Library::password_of(const std::string& token) const {
  const auto at = passwords_.find(token);
  return at == passwords_.end() ? nullptr : &at->second;
}

Status Library::close() {
  if (!claimed_) return {};
  Status result;
  if (initialised_ && NSS_Shutdown() != SECSuccess) {
    result = nss_failure(Code::kInternal, "NSS_Shutdown");
  }
  PK11_SetPasswordFunc(nullptr);
  open_library = nullptr;
  claimed_ = initialised_ = false;
  claimed.clear();
  return result;
}

}  // namespace espalier::ike::crypto::nss
