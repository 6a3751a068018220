// A stranger's first program, in C++17: both ends of one call. Prints the library's version.
#include <netfacade.h>

#include <iostream>
#include <memory>
#include <string>
#include <string_view>

namespace
{

struct hang_up {
    void operator()(net_socket *socket) const
    {
        net_close(socket, NET_NOW);
    }
};
using connection = std::unique_ptr<net_socket, hang_up>;

bool talk(net_deadline deadline)
{
    const std::string_view greeting = "hello";
    char address[64];
    std::string heard(greeting.size(), '\0');

    const connection listener(net_listen("tcp://127.0.0.1:0"));
    if (net_get(listener.get(), "local", address, sizeof address) < 0) {
        return false;
    }
    const connection caller(net_connect(address, deadline == NET_FOREVER ? NET_NOW : deadline));
    const connection callee(net_accept(listener.get(), deadline));
    const auto size = greeting.size();
    return static_cast<size_t>(net_send(caller.get(), greeting.data(), size, deadline)) == size &&
           static_cast<size_t>(net_recv_all(callee.get(), heard.data(), size, deadline)) == size &&
           heard == greeting;
}

} // namespace

int main()
{
    if (!talk(net_after(5000))) {
        std::cerr << net_error_text() << '\n';
        return 1;
    }
    std::cout << net_version() << '\n';
}
