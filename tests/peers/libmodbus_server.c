/* A Modbus server of libmodbus: `server tcp` prints its port, `server rtu PATH UNIT` prints 0. Register N of both
 * tables holds 1000 + N, inputs are off. Prints every coil that is written. */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 256, WRITE_COIL = 5 };

static void serve(modbus_t *modbus, modbus_mapping_t *map) {
    uint8_t query[MODBUS_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(modbus, query);
        if (length == 0)
            continue; /* for another unit */
        if (length < 0) {
            if (errno == ETIMEDOUT || errno == EMBBADCRC)
                continue;
            return; /* the connection has ended */
        }
        int head = modbus_get_header_length(modbus);
        if (query[head] == WRITE_COIL) {
            printf("WRITE %d %d\n", query[head + 1] << 8 | query[head + 2], query[head + 3] == 0xFF);
            fflush(stdout);
        }
        modbus_reply(modbus, query, length, map);
    }
}

int main(int count, char **words) {
    modbus_mapping_t *map = modbus_mapping_new(COUNT, COUNT, COUNT, COUNT);
    if (map == NULL || count < 2)
        return 2;
    for (int at = 0; at < COUNT; at++)
        map->tab_registers[at] = map->tab_input_registers[at] = 1000 + at;
    if (strcmp(words[1], "rtu") == 0 && count == 4) {
        modbus_t *modbus = modbus_new_rtu(words[2], 19200, 'N', 8, 1);
        if (modbus == NULL || modbus_set_slave(modbus, atoi(words[3])) < 0 || modbus_connect(modbus) < 0)
            return 1;
        printf("0\n");
        fflush(stdout);
        serve(modbus, map);
        return 0;
    }
    modbus_t *modbus = modbus_new_tcp("127.0.0.1", 0);
    int listener = modbus == NULL ? -1 : modbus_tcp_listen(modbus, 1);
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (modbus_tcp_accept(modbus, &listener) >= 0) {
        serve(modbus, map);
        modbus_close(modbus);
    }
    return 0;
}
