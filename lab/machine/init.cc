// The first process of a lab machine: it makes the machine's world, runs one script in it, and
// tells how that ended.
//
//   lab-init uml JOB       as PID 1 of a User Mode Linux kernel whose root is the host's, read-only
//   lab-init native JOB    as PID 1 of fresh mount, PID, network, UTS and IPC namespaces on the
//   host's kernel
//
// JOB is a folder that lab/run made: files `args` and `env` (strings that end in NUL), `cwd`, `out`
// (a folder of the host that the script may write, or empty), `mode` ("merged" when standard output
// and error are one), and for the answer `status`.
//
// Guarantees: the root is an overlay, so what the script writes is gone with the machine (but for
// `out`); /run and /dev/shm are empty; proc, sys, debugfs, devpts, cgroup2 are the machine's own;
// `lo` is up. `status` is written only after the script ended and, on UML, after everything it
// printed has left the machine. Only for the lab: no error is handled beyond saying which step
// failed.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace {

bool is_uml = false;

[[noreturn]] void halt(int code) {
  if (is_uml) {
    sync();
    reboot(RB_POWER_OFF);
  }
  _exit(code);
}

[[noreturn]] void fail(const std::string& step) {
  std::fprintf(stderr, "lab-init: %s: %s\n", step.c_str(), std::strerror(errno));
  halt(125);
}

void need(bool worked, const std::string& step) {
  if (!worked) fail(step);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> read_strings(const std::string& path) {
  std::vector<std::string> strings;
  std::istringstream in(read_file(path));
  for (std::string one; std::getline(in, one, '\0');) strings.push_back(one);
  return strings;
}

struct Job {
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd;
  std::string peers;
  std::string out;
  bool merged = false;
};

Job read_job(const std::string& folder) {
  return {read_strings(folder + "/args"), read_strings(folder + "/env"),
          read_file(folder + "/cwd"),     read_file(folder + "/peers"),
          read_file(folder + "/out"),     read_file(folder + "/mode") == "merged"};
}

bool write_file(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool worked = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return worked;
}

void make_folders(const std::string& path) {
  for (std::size_t end = 1; end != std::string::npos;) {
    end = path.find('/', end + 1);
    mkdir(path.substr(0, end).c_str(), 0755);
  }
}

bool try_mount(const std::string& source, const std::string& target, const char* type,
               unsigned long flags = 0, const std::string& options = "") {
  return mount(source.c_str(), target.c_str(), type, flags, options.c_str()) == 0;
}

void must_mount(const std::string& source, const std::string& target, const char* type,
                unsigned long flags = 0, const std::string& options = "") {
  need(try_mount(source, target, type, flags, options), "mount " + target);
}

// The host's own mounts of file systems that hold files, below the root: an overlay of / does not
// show them. A /tmp in memory is one; what the machine has its own of (/dev, /proc, /run, /sys) is
// not.
std::vector<std::string> mounts_with_files() {
  static const std::array<const char*, 21> kNoFiles = {
      "proc",    "sysfs",    "devtmpfs",   "devpts", "mqueue",      "hugetlbfs", "cgroup",
      "debugfs", "tracefs",  "securityfs", "pstore", "configfs",    "fusectl",   "bpf",
      "cgroup2", "efivarfs", "ramfs",      "autofs", "binfmt_misc", "nsfs",      "rpc_pipefs"};
  std::vector<std::string> found;
  std::ifstream in("/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string skip;
    std::string target;
    std::string type;
    fields >> skip >> skip >> skip >> skip >> target;
    while (fields >> skip && skip != "-") {
    }
    fields >> type;
    const bool no_files = std::any_of(kNoFiles.begin(), kNoFiles.end(),
                                      [&](const char* name) { return type == name; });
    const std::string top = target.substr(0, target.find('/', 1));
    const bool own = top == "/dev" || top == "/proc" || top == "/run" || top == "/sys";
    if (target != "/" && !own && !no_files && target.find('\\') == std::string::npos)
      found.push_back(target);
  }
  return found;
}

// Puts a writable overlay of `lower` at `target`; what is written goes below `scratch`.
bool overlay(const std::string& lower, const std::string& target, const std::string& scratch) {
  make_folders(scratch + "/upper");
  make_folders(scratch + "/work");
  return try_mount(
      "overlay", target, "overlay", 0,
      "lowerdir=" + lower + ",upperdir=" + scratch + "/upper,workdir=" + scratch + "/work");
}

// A folder of the host itself. The root of a UML is mounted read-only, so that nothing but such a
// folder can be written.
void mount_host(const std::string& folder, const std::string& target, unsigned long flags = 0) {
  make_folders(target);
  if (is_uml) {
    must_mount("host", target, "hostfs", flags, folder);
    return;
  }
  must_mount(folder, target, nullptr, MS_BIND);
  if (flags != 0) must_mount("", target, nullptr, MS_BIND | MS_REMOUNT | flags);
}

void mount_devices(const std::string& dev) {
  if (is_uml) {
    must_mount("devtmpfs", dev, "devtmpfs", MS_NOSUID, "mode=0755");
    make_folders(dev + "/pts");
    make_folders(dev + "/shm");
    make_folders(dev + "/net");
    mknod((dev + "/net/tun").c_str(), S_IFCHR | 0666, makedev(10, 200));
    for (const char* link : {"fd", "stdin", "stdout", "stderr"}) {
      static const std::string kFd = "/proc/self/fd";
      const std::string name = link;
      const std::string number = name == "stdin" ? "/0" : name == "stdout" ? "/1" : "/2";
      need(symlink((name == "fd" ? kFd : kFd + number).c_str(), (dev + "/" + name).c_str()) == 0 ||
               errno == EEXIST,
           "/dev/" + name);
    }
  } else {
    must_mount("/dev", dev, nullptr, MS_BIND | MS_REC);
  }
  try_mount("devpts", dev + "/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  if (is_uml) {
    unlink((dev + "/ptmx").c_str());
    need(symlink("pts/ptmx", (dev + "/ptmx").c_str()) == 0, "/dev/ptmx");
  }
  must_mount("shm", dev + "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
}

void mount_cgroups(const std::string& root) {
  const std::string target = root + "/sys/fs/cgroup";
  if (!try_mount("cgroup2", target, "cgroup2")) return;
  if (!is_uml) return;
  for (const char* controller : {"+cpu", "+memory", "+pids"})
    write_file(target + "/cgroup.subtree_control", controller);
}

// Makes the machine's root from the host's and moves into it.
void enter_root(const std::string& scratch, const Job& job) {
  const std::string root = scratch + "/root";
  const std::vector<std::string> more = is_uml ? std::vector<std::string>() : mounts_with_files();
  make_folders(root);
  need(overlay("/", root, scratch + "/rw"), "overlay of the host's root");
  for (std::size_t i = 0; i < more.size(); ++i) {
    if (more[i].rfind(scratch, 0) == 0) continue;
    // A file (/etc/hosts in a container), or a file system that no overlay takes: shown as it is,
    // not writable.
    const std::string target = root + more[i];
    if (overlay(more[i], target, scratch + "/rw" + std::to_string(i))) continue;
    if (try_mount(more[i], target, nullptr, MS_BIND))
      try_mount("", target, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY);
  }
  // Overlays stand on each other at most two deep.
  mount_host(job.peers, root + job.peers, MS_RDONLY);
  if (!job.out.empty()) mount_host(job.out, root + job.out);
  must_mount("proc", root + "/proc", "proc");
  must_mount("sysfs", root + "/sys", "sysfs");
  try_mount("debugfs", root + "/sys/kernel/debug", "debugfs");
  mount_cgroups(root);
  mount_devices(root + "/dev");
  must_mount("run", root + "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  make_folders(root + "/run/netns");
  make_folders(root + "/run/lock");

  need(chdir(root.c_str()) == 0, "chdir to the new root");
  need(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  need(umount2(".", MNT_DETACH) == 0, "umount of the old root");
  need(chdir("/") == 0, "chdir to /");
}

void loopback_up() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  need(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo up");
  close(fd);
}

// Without it the kernel's random numbers start only after seconds.
void seed_random() {
  // rand_pool_info: entropy in bits, size in bytes, the bytes.
  struct {
    int entropy_count;
    int buf_size;
    std::array<unsigned char, 64> bytes;
  } pool = {};
  const int hardware = open("/dev/hwrng", O_RDONLY | O_CLOEXEC);
  const int random = open("/dev/random", O_WRONLY | O_CLOEXEC);
  const ssize_t got = hardware < 0 ? -1 : read(hardware, pool.bytes.data(), pool.bytes.size());
  need(got > 0 && random >= 0, "/dev/hwrng");
  pool.entropy_count = static_cast<int>(got) * 8;
  pool.buf_size = static_cast<int>(got);
  need(ioctl(random, RNDADDENTROPY, &pool) == 0, "seed of the random numbers");
  close(hardware);
  close(random);
}

// A line of the machine that ends at a file descriptor of lab/run.
int open_line(const char* path) {
  const int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  need(fd >= 0, path);
  termios settings = {};
  need(tcgetattr(fd, &settings) == 0, path);
  cfmakeraw(&settings);
  need(tcsetattr(fd, TCSANOW, &settings) == 0, path);
  return fd;
}

struct Relay {
  int from = -1;
  int to = -1;
};

bool copy(int to, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t wrote = write(to, data, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    data += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
  return true;
}

// Passes on what there is; false when there is nothing more for now.
bool pass(Relay& relay) {
  std::array<char, 16384> buffer;
  const ssize_t got = relay.from < 0 ? -1 : read(relay.from, buffer.data(), buffer.size());
  if (got == 0) {
    close(relay.from);
    relay.from = -1;
  }
  if (got <= 0) return false;
  if (copy(relay.to, buffer.data(), static_cast<std::size_t>(got))) return true;
  // Whoever read our output is gone: the script learns of it by its next write.
  close(relay.from);
  relay.from = -1;
  return false;
}

Relay make_relay(int to, int& write_end) {
  std::array<int, 2> ends = {-1, -1};
  need(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe");
  need(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, "pipe");
  write_end = ends[1];
  return {ends[0], to};
}

// Reaps what ended; true and the status once `script` is among it.
bool reap(pid_t script, int& status) {
  bool ended = false;
  int one = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &one, WNOHANG)) > 0;) {
    if (pid != script) continue;
    ended = true;
    status = WIFEXITED(one) ? WEXITSTATUS(one) : 128 + WTERMSIG(one);
  }
  return ended;
}

pid_t start_script(Job& job, int out, int err) {
  const pid_t pid = fork();
  need(pid >= 0, "fork");
  if (pid != 0) return pid;

  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& one : job.args) argv.push_back(one.data());
  for (std::string& one : job.env) envp.push_back(one.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const int in = open("/dev/null", O_RDONLY);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (in > STDERR_FILENO) close(in);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  umask(022);
  if (chdir(job.cwd.c_str()) != 0) {
    dprintf(STDERR_FILENO, "lab: no folder %s: %s\n", job.cwd.c_str(), std::strerror(errno));
    _exit(126);
  }
  execve(argv[0], argv.data(), envp.data());
  const int why = errno;
  dprintf(STDERR_FILENO, "lab: cannot run %s: %s\n", argv[0], std::strerror(why));
  _exit(why == ENOENT ? 127 : 126);
}

void write_status(int folder, int status) {
  const int fd = openat(folder, "status", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  need(fd >= 0, "status");
  const std::string text = std::to_string(status) + "\n";
  need(copy(fd, text.data(), text.size()) && fsync(fd) == 0, "status");
  close(fd);
}

int run_uml(Job& job) {
  const int out_line = open_line("/dev/tty1");
  const int err_line = job.merged ? out_line : open_line("/dev/tty2");
  int out = -1;
  int err = -1;
  std::array<Relay, 2> relays = {make_relay(out_line, out), Relay()};
  if (job.merged)
    err = out;
  else
    relays[1] = make_relay(err_line, err);

  // SIGCHLD only interrupts ppoll, so that none is missed between the check and the wait.
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGCHLD, &action, nullptr);
  sigset_t children;
  sigset_t before;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, &before);

  const pid_t script = start_script(job, out, err);
  close(out);
  if (!job.merged) close(err);
  int status = 125;
  while (!reap(script, status)) {
    std::array<pollfd, 2> polls = {pollfd{relays[0].from, POLLIN, 0},
                                   pollfd{relays[1].from, POLLIN, 0}};
    ppoll(polls.data(), polls.size(), nullptr, &before);
    for (Relay& relay : relays) pass(relay);
  }
  // What the script left running goes first, so that its last words are not cut by the end of the
  // machine.
  kill(-1, SIGKILL);
  for (Relay& relay : relays) {
    while (pass(relay)) {
    }
    if (relay.to >= 0) tcdrain(relay.to);
  }
  return status;
}

int run_native(Job& job) {
  const pid_t script = start_script(job, STDOUT_FILENO, STDERR_FILENO);
  int status = 125;
  int one = 0;
  for (pid_t pid = 0; pid != script;) {
    pid = waitpid(-1, &one, 0);
    if (pid < 0 && errno != EINTR) break;
    if (pid == script) status = WIFEXITED(one) ? WEXITSTATUS(one) : 128 + WTERMSIG(one);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  // UML puts a console=… of its own behind our arguments.
  if (argc < 3 || getpid() != 1) {
    std::fprintf(stderr, "lab-init: started by lab/run only\n");
    return 125;
  }
  is_uml = std::strcmp(argv[1], "uml") == 0;
  const std::string folder = argv[2];
  Job job = read_job(folder);

  need(is_uml || mount("", "/", nullptr, MS_PRIVATE | MS_REC, nullptr) == 0, "private mounts");
  const std::string scratch = is_uml ? "/run" : folder + "/scratch";
  if (!is_uml) make_folders(scratch);
  must_mount("scratch", scratch, "tmpfs", 0, "mode=0755,size=90%");
  const std::string answer = scratch + "/answer";
  mount_host(folder, answer);
  const int folder_fd = open(answer.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  need(folder_fd >= 0, answer);
  enter_root(scratch, job);
  loopback_up();
  sethostname("lab", 3);
  if (is_uml) seed_random();
  const int status = is_uml ? run_uml(job) : run_native(job);
  write_status(folder_fd, status);
  halt(0);
}
