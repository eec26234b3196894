// SPDX-License-Identifier: Apache-2.0
// Starting a child. In C because between vfork and exec only calls that are safe in a signal handler are allowed,
// and Swift gives no such promise for any line of its own.
#include "spawn.h"

#include "confine.h"
#include "confining.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void clinux_forget(pid_t pid) {
  clinux_tell_guard(-pid);
}

// MARK: The child

struct outcome {
  enum clinux_spawn_step step;
  int error;
  /// What could not be confined.
  const char *what;
};

/// Connects the descriptors of the request and closes all others but `kept`; false with `errno`.
static bool connect_descriptors(const struct clinux_spawn *request, int kept) {
  int count = 3 + request->extra_count, last = count > 3 ? request->extras[count - 4].number : 2;
  int copies[count];
  for (int index = 0; index < count; index++) {
    int given = index < 3 ? request->descriptors[index] : request->extras[index - 3].source;
    int source = given >= 0 ? given : open("/dev/null", O_RDWR | O_CLOEXEC);
    copies[index] = fcntl(source, F_DUPFD_CLOEXEC, last < 64 ? 64 : last + 1);
    if (copies[index] < 0) return false;
  }
  for (int index = 0, before = 2; index < count; index++) {
    int number = index < 3 ? index : request->extras[index - 3].number;
    if (dup2(copies[index], number) < 0) return false;
    if (number > before + 1 && close_range((unsigned)before + 1, (unsigned)number - 1, 0) != 0) return false;
    if (number > before) before = number;
  }
  for (int number = 0; number < 3; number++) {
    if (request->descriptors[number] == CLINUX_CLOSED && number != kept) close(number);
  }
  if (kept <= last) return close_range((unsigned)last + 1, ~0U, 0) == 0;
  return (kept == last + 1 || close_range((unsigned)last + 1, (unsigned)kept - 1, 0) == 0) &&
         close_range((unsigned)kept + 1, ~0U, 0) == 0;
}

/// Sets both ends of a limit, `spare` apart, as far as the caller's own lets us.
static void limit(int resource, uint64_t value, uint64_t spare) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) return;
  if (value < now.rlim_cur) now.rlim_cur = value;
  if (value + spare < now.rlim_max) now.rlim_max = value + spare;
  setrlimit(resource, &now);
}

static void set_limits(const struct clinux_limits *limits) {
  // SIGXCPU comes at the first end, SIGKILL at the second: the first tells why. To the first process of a namespace only the
  // second comes.
  limit(RLIMIT_CPU, limits->processor, getpid() == 1 ? 0 : 5);
  limit(RLIMIT_AS, limits->memory, 0);
  limit(RLIMIT_FSIZE, limits->file_size, 0);
  limit(RLIMIT_CORE, 0, 0);
}

int clinux_give_up_rights(const struct clinux_rights *rights) {
  uint32_t groups[] = {rights->other_group};
  // Not by glibc, which has all threads do the same: a child shares the memory of ours.
  if (syscall(SYS_setgroups, 1, groups) != 0 ||
      syscall(SYS_setresgid, rights->group, rights->group, rights->group) != 0 ||
      syscall(SYS_setresuid, rights->user, rights->user, rights->user) != 0)
    return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/// The path of the program of a confined child. Only the thread that makes children writes it.
static char executable[4096];

const char *clinux_confined_executable(void) { return executable; }

/// Puts back what a program expects to find, and executes it; returns with `errno`.
static void execute(const struct clinux_spawn *request, struct clinux_birth *birth, const char **what) {
  struct sigaction standard;
  memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (request->mask >= 0) umask((mode_t)request->mask);
  if (request->limits) set_limits(request->limits);
  if (request->confinement && clinux_confine_last(request->confinement, birth, what) != 0) return;
  if (request->rights) {
    if (clinux_give_up_rights(request->rights) != 0) return;
    // The kernel forgets it with the user.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  }

  char **environment = request->environment;
  if (birth && birth->program >= 0) {
    syscall(SYS_execveat, birth->program, "", request->slots + 1, environment, AT_EMPTY_PATH);
    return;
  }
  // A confined child's filter knows the address, and lets no other program be executed.
  execve(request->confinement ? executable : request->path, request->slots + 1, environment);
  if (errno == ENOEXEC) {
    request->slots[0] = (char *)"/bin/sh";
    request->slots[1] = (char *)request->path;
    execve(request->slots[0], request->slots, environment);
  }
}

/// The child's part. It shares its parent's memory until it executes, so it only reads, and writes `outcome`.
static void child(const struct clinux_spawn *request, pid_t parent, int broker, volatile struct outcome *outcome) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  bool is_first = getpid() == 1;
  // The first of a namespace sees no parent, and all in there end with it: the guard need not know it.
  if (!is_first && getppid() != parent) _exit(127);  // gone before it could have told us
  if (!is_first) clinux_tell_guard(getpid());

  outcome->step = CLINUX_SPAWN_DESCRIPTORS;
  struct clinux_birth birth = {broker, -1, 0, 0};
  const char *what = NULL;
  if (broker >= 0 && (birth.broker = fcntl(broker, F_DUPFD_CLOEXEC, 128)) < 0) goto failed;
  if (!connect_descriptors(request, birth.broker)) goto failed;
  const struct clinux_confinement *confinement = request->confinement;
  if (request->pretence != CLINUX_PRETEND_NOTHING) {
    outcome->step = CLINUX_SPAWN_CONFINE;
    what = "a filter of system calls";
    if (clinux_pretend(request->pretence) != 0) goto failed;
    what = NULL;
  }
  if (confinement) {
    outcome->step = CLINUX_SPAWN_CONFINE;
    birth.user = confinement->user;
    birth.group = confinement->group;
    if (request->is_own) {
      what = "this program";
      if ((birth.program = open("/proc/self/exe", O_PATH | O_CLOEXEC)) < 0) goto failed;
    }
    if (clinux_confine(confinement, &birth, &what) != 0) goto failed;
    what = NULL;
  }
  outcome->step = CLINUX_SPAWN_DIRECTORY;
  if (request->directory && chdir(request->directory) != 0) goto failed;
  outcome->step = CLINUX_SPAWN_EXECUTE;
  execute(request, confinement ? &birth : NULL, &what);
  if (what) outcome->step = CLINUX_SPAWN_CONFINE;
failed:
  outcome->error = errno;
  outcome->what = what;
  _exit(127);
}

// MARK: An isolated child

// Three processes of one group. The outermost is the child that our process sees. It waits for the first process of a
// namespace, and ends as that one says; that one reaps whatever is orphaned in there, and ends with the program, which
// has the kernel end all that is left. The program is not the first itself: a first process ignores most signals.

static int status_of(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 256 + WTERMSIG(status);
}

/// Tells our process of a step that failed; it reads that from the pipe, whose other end is closed by a success.
static void report(int pipe, enum clinux_spawn_step step) {
  struct outcome outcome = {step, errno, NULL};
  ssize_t written = write(pipe, &outcome, sizeof outcome);
  _exit(written == sizeof outcome ? 127 : 126);
}

/// The first process of the namespace.
static void first_process(const struct clinux_spawn *request, int failures, int result) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // What the program mounts goes with it; what the machine mounts is seen.
  if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
      mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
    report(failures, CLINUX_SPAWN_NAMESPACE);
  pid_t program = fork();
  if (program < 0) report(failures, CLINUX_SPAWN_FORK);
  if (program == 0) {
    close(result);
    if (request->directory && chdir(request->directory) != 0) report(failures, CLINUX_SPAWN_DIRECTORY);
    execute(request, NULL, NULL);
    report(failures, CLINUX_SPAWN_EXECUTE);
  }
  // Its readers and writers are to see its own end.
  dup2(result, 0);
  close_range(1, ~0U, 0);
  int status;
  pid_t ended;
  while ((ended = wait(&status)) != program) {
    if (ended < 0 && errno != EINTR) break;
  }
  int code = ended == program ? status_of(status) : 127;
  ssize_t written = write(0, &code, sizeof code);
  _exit(written == sizeof code ? 0 : 1);
}

static void isolated_child(const struct clinux_spawn *request, pid_t parent, int failures) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  clinux_tell_guard(getpid());
  // The program is asked to end; these two end after it.
  signal(SIGTERM, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  // At once: what another thread of our process closes, a lock or a pipe, must not stay open in here.
  failures = fcntl(failures, F_DUPFD_CLOEXEC, 128);
  if (failures < 0) _exit(127);
  if (!connect_descriptors(request, failures)) report(failures, CLINUX_SPAWN_DESCRIPTORS);
  int result[2];
  if (pipe2(result, O_CLOEXEC) != 0) report(failures, CLINUX_SPAWN_DESCRIPTORS);
  if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) report(failures, CLINUX_SPAWN_NAMESPACE);
  pid_t first = fork();
  if (first < 0) report(failures, CLINUX_SPAWN_FORK);
  if (first == 0) {
    close(result[0]);
    first_process(request, failures, result[1]);
  }
  dup2(result[0], 0);
  close_range(1, ~0U, 0);
  int code;
  ssize_t count = read(0, &code, sizeof code);
  int status;
  while (waitpid(first, &status, 0) < 0 && errno == EINTR) continue;
  if (count != sizeof code) code = 256 + SIGKILL;
  if (code < 256) _exit(code);
  // As the program ended, so does this, without a core dump of its own.
  prctl(PR_SET_DUMPABLE, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(code - 256, SIG_DFL);
  raise(code - 256);
  _exit(128 + code - 256);
}

// MARK: The thread that makes children

// The kernel sends PR_SET_PDEATHSIG when the *thread* that made the child ends, and the threads of a pool end. So all
// children are made by one thread that never does. It makes one at a time, and vfork returns only when the child has
// executed: no child can hold a descriptor that another thread is about to close.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool thread_runs;
static const struct clinux_spawn *requested;
static bool answered;
static pid_t answer;
static struct outcome answer_outcome;

static pid_t make_isolated_child(const struct clinux_spawn *request, struct outcome *result) {
  result->step = CLINUX_SPAWN_FORK;
  result->error = 0;
  pid_t parent = getpid();
  int failures[2];
  if (pipe2(failures, O_CLOEXEC) != 0) {
    result->error = errno;
    return -1;
  }
  pid_t pid = fork();
  if (pid == 0) {
    close(failures[0]);
    isolated_child(request, parent, failures[1]);
  }
  if (pid < 0) result->error = errno;
  close(failures[1]);
  ssize_t count = 0;
  if (pid > 0) while ((count = read(failures[0], result, sizeof *result)) < 0 && errno == EINTR) continue;
  close(failures[0]);
  if (pid > 0 && count == sizeof *result) {
    clinux_forget(pid);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    pid = -1;
  }
  return pid;
}

struct start {
  const struct clinux_spawn *request;
  pid_t parent;
  /// A pidfd of it, or -1 where the kernel has none.
  int broker;
  volatile struct outcome *outcome;
};

static int confined_child(void *argument) {
  const struct start *start = argument;
  child(start->request, start->parent, start->broker, start->outcome);
  return 127;
}

/// As vfork, into namespaces of its own. Only the thread that makes children calls this, one at a time.
static pid_t clone_confined(const struct clinux_spawn *request, pid_t parent, volatile struct outcome *outcome) {
  static char stack[256 << 10] __attribute__((aligned(16)));
  struct start start = {request, parent, (int)syscall(SYS_pidfd_open, parent, 0), outcome};
  int flags = clinux_confinement_flags(request->confinement);
  pid_t pid = clone(confined_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD | flags, &start);
  int error = errno;
  if (start.broker >= 0) close(start.broker);
  errno = error;
  return pid;
}

static pid_t make_child(const struct clinux_spawn *request, struct outcome *result) {
  if (request->isolated) return make_isolated_child(request, result);
  volatile struct outcome outcome = {CLINUX_SPAWN_FORK, 0, NULL};
  pid_t parent = getpid();
  pid_t pid;
  if (request->confinement && strlen(request->path) >= sizeof executable) {
    errno = ENAMETOOLONG;
    pid = -1;
  } else if (request->confinement) {
    strcpy(executable, request->path);
    pid = clone_confined(request, parent, &outcome);
    if (pid < 0) outcome.step = CLINUX_SPAWN_NAMESPACE;
  } else {
    pid = vfork();
    if (pid == 0) child(request, parent, -1, &outcome);
  }
  if (pid < 0) {
    outcome.error = errno;
  } else if (outcome.error != 0) {
    clinux_forget(pid);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    pid = -1;
  }
  result->step = outcome.step;
  result->error = outcome.error;
  result->what = outcome.what;
  return pid;
}

static void *thread_main(void *unused) {
  (void)unused;
  clinux_start_guard();
  pthread_mutex_lock(&lock);
  while (true) {
    while (!requested) pthread_cond_wait(&changed, &lock);
    answer = make_child(requested, &answer_outcome);
    requested = NULL;
    answered = true;
    pthread_cond_broadcast(&changed);
  }
  return NULL;
}

static void start_thread(void) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler may run in a child that shares our memory
  pthread_t thread;
  thread_runs = pthread_create(&thread, NULL, thread_main, NULL) == 0;
  if (thread_runs) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

pid_t clinux_start(const struct clinux_spawn *request, enum clinux_spawn_step *step, const char **what) {
  *step = CLINUX_SPAWN_FORK;
  *what = NULL;
  pthread_once(&once, start_thread);
  if (!thread_runs) {
    errno = EAGAIN;
    return -1;
  }
  pthread_mutex_lock(&gate);
  pthread_mutex_lock(&lock);
  requested = request;
  answered = false;
  pthread_cond_broadcast(&changed);
  while (!answered) pthread_cond_wait(&changed, &lock);
  pid_t pid = answer;
  struct outcome outcome = answer_outcome;
  pthread_mutex_unlock(&lock);
  pthread_mutex_unlock(&gate);
  *step = outcome.step;
  *what = outcome.what;
  errno = outcome.error;
  return pid;
}
