package clients;

import com.hazelcast.config.Config;
import com.hazelcast.config.YamlConfigBuilder;
import com.hazelcast.core.Hazelcast;

/** The member that the expected answers are recorded from: Member CONFIG.yaml PORT. */
public final class Member {
    public static void main(String[] arguments) throws Exception {
        Config config = new YamlConfigBuilder(arguments[0]).build();
        config.getNetworkConfig().setPort(Integer.parseInt(arguments[1])).setPortAutoIncrement(false);
        Hazelcast.newHazelcastInstance(config);
    }
}
