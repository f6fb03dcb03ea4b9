#include "core/config.h"

#include <sys/stat.h>

#include "base/cleanup.h"
#include "support.h"

// Each test has a home of its own, and no CLOCHE_ variable but CLOCHE_HOME.
typedef struct {
    char home[64];
    char file[96];
} home_t;

static const char *const variables[] = {
    "CLOCHE_HOME",         "CLOCHE_RUN",        "CLOCHE_LISTEN",          "CLOCHE_PUBLIC_URL",
    "CLOCHE_REGISTRATION", "CLOCHE_ENGINE",     "CLOCHE_LOG_LEVEL",       "CLOCHE_MAX_CELLS",
    "CLOCHE_QUEUE_LENGTH", "CLOCHE_TLS_LISTEN", "CLOCHE_TLS_CERTIFICATE",
};

static int make_home(void **state)
{
    static home_t h;
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    h = (home_t){.home = "/tmp/cloche-config-XXXXXX"};
    if (!mkdtemp(h.home))
        return -1;
    snprintf(h.file, sizeof h.file, "%s/cloche.conf", h.home);
    setenv("CLOCHE_HOME", h.home, 1);
    *state = &h;
    return 0;
}

static int remove_home(void **state)
{
    const home_t *h = *state;
    remove(h->file);
    return rmdir(h->home);
}

static void write_file(const home_t *h, const char *text)
{
    cleanup_fclose FILE *f = fopen(h->file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
}

static void load(config_t *c)
{
    err_t err;
    if (config_load(c, &err) < 0)
        fail_msg("%s", err.msg);
}

static void without_a_file_defaults_hold(void **state)
{
    const home_t *h = *state;
    config_t c;
    load(&c);
    assert_string_equal(c.home, h->home);
    assert_string_equal(c.run, "/run/cloche");
    assert_string_equal(c.listen, "127.0.0.1:8080");
    assert_string_equal(c.public_url, "http://127.0.0.1:8080");
    assert_string_equal(c.engine, "docker");
    assert_int_equal(c.queue_timeout_ms, 5000);
    assert_int_equal(c.max_cells, 0);
}

static void the_file_is_read_with_blanks_and_comments(void **state)
{
    config_t c;
    write_file(*state, "# a comment\n\n  queue_length=7\r\n\tmax_cells =  12  # cells\n"
                       "log_level = debug\npublic_url = https://a.example/x=y\nlisten=\n"
                       "queue_length = 8");
    load(&c);
    assert_int_equal(c.queue_length, 8); // the last one counts, also without a newline
    assert_int_equal(c.max_cells, 12);
    assert_string_equal(c.log_level, "debug");
    assert_string_equal(c.public_url, "https://a.example/x=y");
    assert_string_equal(c.listen, "");
}

static void the_environment_wins_over_the_file(void **state)
{
    config_t c;
    write_file(*state, "max_cells = 12\nqueue_length = 7\n");
    setenv("CLOCHE_MAX_CELLS", "13", 1);
    setenv("CLOCHE_QUEUE_LENGTH", "", 1); // empty is as good as unset
    load(&c);
    assert_int_equal(c.max_cells, 13);
    assert_int_equal(c.queue_length, 7);
}

static void https_has_an_address_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *tls_listen, *public_url, *registration;
    } cases[] = {
        {"127.0.0.1:8080", "", "https://127.0.0.1:8443", "open"},
        {"[::1]:80", "", "https://[::1]:8443", "open"},
        {"0.0.0.0:80", "0.0.0.0:443", "https://0.0.0.0", "closed"},
        {"127.0.0.1:80", "[::]:444", "https://[::]:444", "closed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        config_t c;
        setenv("CLOCHE_LISTEN", cases[i].listen, 1);
        setenv("CLOCHE_TLS_LISTEN", cases[i].tls_listen, 1);
        setenv("CLOCHE_TLS_CERTIFICATE", "/etc/cloche/chain.pem", 1);
        load(&c);
        assert_string_equal(c.public_url, cases[i].public_url);
        assert_string_equal(c.registration, cases[i].registration);
    }
    config_t c;
    setenv("CLOCHE_PUBLIC_URL", "https://functions.example", 1);
    load(&c);
    assert_string_equal(c.public_url, "https://functions.example");
}

static void registration_follows_the_address(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *registration;
    } cases[] = {
        {"127.0.0.1:8080", "open"},   {"127.9.9.9:1", "open"},
        {"localhost:80", "open"},     {"[::1]:80", "open"},
        {"0.0.0.0:8080", "closed"},   {"[::]:80", "closed"},
        {"192.168.1.2:80", "closed"}, {"localhost.example:80", "closed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        config_t c;
        setenv("CLOCHE_LISTEN", cases[i].listen, 1);
        load(&c);
        assert_string_equal(c.registration, cases[i].registration);
    }
    config_t c;
    setenv("CLOCHE_REGISTRATION", "open", 1);
    load(&c);
    assert_string_equal(c.registration, "open");
}

static void errors_in_the_file_name_line_and_setting(void **state)
{
    const home_t *h = *state;
    static const struct {
        const char *text, *line, *part;
    } cases[] = {
        {"max_cells = x\n", "cloche.conf line 1: ", "max_cells: must be a whole number"},
        {"\n# c\nmax_cells = 4097\n", "cloche.conf line 3: ", "max_cells: must be from 0 to 4096"},
        {"max_cells = -1", "cloche.conf line 1: ", "must be from 0 to 4096"},
        {"max_cells =", "cloche.conf line 1: ", "max_cells: must be a whole number"},
        {"max_cells = 1 2", "cloche.conf line 1: ", "max_cells: must be a whole number"},
        {"MAX_CELLS = 1", "cloche.conf line 1: ", "unknown setting MAX_CELLS"},
        {"\ncells = 1", "cloche.conf line 2: ", "unknown setting cells"},
        {"= 1", "cloche.conf line 1: ", "unknown setting"},
        {"max_cells 1", "cloche.conf line 1: ", "expected `name = value`"},
        {"log_level = loud",
         "cloche.conf line 1: ", "log_level: must be one of debug|info|warn|error"},
        {"log_level = inf", "cloche.conf line 1: ", "log_level: must be one of"},
        {"log_level = debug|info", "cloche.conf line 1: ", "log_level: must be one of"},
        {"log_level =", "cloche.conf line 1: ", "log_level: must be one of"},
        {"engine =", "cloche.conf line 1: ", "engine: must be one of docker"},
        {"registration = maybe",
         "cloche.conf line 1: ", "registration: must be one of open|closed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        config_t c;
        err_t err = {0};
        write_file(h, cases[i].text);
        assert_fails(config_load(&c, &err), err, ERR_INVALID);
        assert_contains(err.msg, h->home);
        assert_contains(err.msg, cases[i].line);
        assert_contains(err.msg, cases[i].part);
    }
}

static void errors_in_the_environment_name_the_variable(void **state)
{
    (void)state;
    config_t c;
    err_t err = {0};
    setenv("CLOCHE_MAX_CELLS", "many", 1);
    assert_fails(config_load(&c, &err), err, ERR_INVALID);
    assert_string_equal(err.msg, "CLOCHE_MAX_CELLS: must be a whole number");
}

static void a_text_that_is_too_long_is_refused(void **state)
{
    config_t c;
    err_t err = {0};
    char value[CONFIG_TEXT + 1], line[2 * CONFIG_TEXT];
    memset(value, 'x', CONFIG_TEXT);
    value[CONFIG_TEXT] = '\0';
    snprintf(line, sizeof line, "run = %s", value);
    write_file(*state, line);
    assert_fails(config_load(&c, &err), err, ERR_INVALID);
    assert_contains(err.msg, "run: must be shorter than 256 bytes");

    write_file(*state, "");
    setenv("CLOCHE_LISTEN", value + 2, 1); // fits, but not with "http://" before it
    assert_fails(config_load(&c, &err), err, ERR_INVALID);
    assert_contains(err.msg, "listen");

    setenv("CLOCHE_HOME", value, 1);
    assert_fails(config_load(&c, &err), err, ERR_INVALID);
    assert_contains(err.msg, "CLOCHE_HOME");
}

static void home_must_be_a_directory(void **state)
{
    const home_t *h = *state;
    config_t c;
    err_t err = {0};
    char missing[96];
    snprintf(missing, sizeof missing, "%s/none", h->home);
    setenv("CLOCHE_HOME", missing, 1);
    assert_int_equal(config_load(&c, &err), -1);
    assert_contains(err.msg, missing);
    assert_contains(err.msg, "home");

    write_file(h, "");
    setenv("CLOCHE_HOME", h->file, 1);
    assert_int_equal(config_load(&c, &err), -1);
    assert_contains(err.msg, h->file);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    const home_t *h = *state;
    config_t c;
    err_t err = {0};
    assert_int_equal(mkdir(h->file, 0700), 0);
    assert_int_equal(config_load(&c, &err), -1);
    assert_contains(err.msg, "cannot read");
    assert_contains(err.msg, h->file);
}

static void socket_paths_must_fit_into_an_address(void **state)
{
    (void)state;
    config_t c = {0};
    char path[108];
    err_t err = {0};
    memset(c.run, 'r', 107 - strlen("/api.sock"));
    assert_int_equal(config_socket_path(&c, "api.sock", path, &err), 0);
    assert_int_equal(strlen(path), 107);
    assert_fails(config_socket_path(&c, "apis.sock", path, &err), err, ERR_INVALID);
    assert_contains(err.msg, "run");
}

static void help_lists_every_setting(void **state)
{
    (void)state;
    static const char *const names[] = {
#define X(kind, name, fallback, min, max, unit, help) #name,
        CONFIG_SETTINGS(X)
#undef X
    };
    cleanup_free char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    config_help(out);
    fclose(out);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_contains(text, names[i]);
    assert_contains(text, "[ms, 1 to 600000, default 5000]");
    assert_contains(text, "[debug|info|warn|error, default info]");
}

static config_setting_t shown(const config_t *c, const char *name)
{
    config_setting_t setting;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        config_describe(c, i, &setting);
        if (strcmp(setting.name, name) == 0)
            return setting;
    }
    fail_msg("no setting %s", name);
    return setting;
}

static void settings_are_shown_with_their_source_and_no_password(void **state)
{
    config_t c;
    write_file(*state, "db_url = mysql://me:s3cret@db:3306/cloche\nqueue_length = 7\n");
    setenv("CLOCHE_MAX_CELLS", "9", 1);
    load(&c);
    static const struct {
        const char *name, *source;
    } sources[] = {
        {"queue_length", "file"},  {"max_cells", "environment"}, {"registration", "derived"},
        {"public_url", "derived"}, {"run", "default"},
    };
    for (size_t i = 0; i < COUNT(sources); i++)
        assert_string_equal(shown(&c, sources[i].name).source, sources[i].source);
    assert_string_equal(shown(&c, "db_url").text, "mysql://me:***@db:3306/cloche");
    assert_string_equal(c.db_url, "mysql://me:s3cret@db:3306/cloche");
    config_setting_t length = shown(&c, "queue_length");
    assert_true(length.is_number && length.number == 7 && length.number_default == 100);
    assert_string_equal(shown(&c, "registration").words, "open|closed");
}

#define with_home(test) cmocka_unit_test_setup_teardown(test, make_home, remove_home)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        with_home(without_a_file_defaults_hold),
        with_home(the_file_is_read_with_blanks_and_comments),
        with_home(the_environment_wins_over_the_file),
        with_home(https_has_an_address_of_its_own),
        with_home(registration_follows_the_address),
        with_home(errors_in_the_file_name_line_and_setting),
        with_home(errors_in_the_environment_name_the_variable),
        with_home(a_text_that_is_too_long_is_refused),
        with_home(home_must_be_a_directory),
        with_home(a_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(socket_paths_must_fit_into_an_address),
        cmocka_unit_test(help_lists_every_setting),
        with_home(settings_are_shown_with_their_source_and_no_password),
    };
    return RUN_TESTS(tests);
}
